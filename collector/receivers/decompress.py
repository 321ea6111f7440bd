"""Content codings, with a ceiling on what they may become.

Memory stays within the limit plus a few MiB, whatever the body claims to be: output is taken in pieces and
counted, and the coding stops at the first byte too many.
"""

from __future__ import annotations

import zlib
from enum import StrEnum
from io import BytesIO

import zstandard

from collector.errors import Malformed, TooLarge, UnsupportedMedia


class Coding(StrEnum):
    IDENTITY = "identity"
    GZIP = "gzip"
    DEFLATE = "deflate"
    ZSTD = "zstd"


ACCEPTED = ", ".join(Coding)

_NAMES = {"": Coding.IDENTITY, "x-gzip": Coding.GZIP, **{coding.value: coding for coding in Coding}}

_PIECE = 1 << 20  # most output of one call
_SLICE = 1 << 16  # most input of one call
_FIRST_SLICE = 1 << 10  # a member's first: zlib copies what follows a member, so many small ones cost little
# libzstd has no limit on the output of a call. A block is at least 3 bytes and becomes at most 128 KiB, so
# this much input becomes at most 11 MiB.
_ZSTD_SLICE = 1 << 8
_ZSTD_WINDOW = 8 << 20  # what RFC 8878 asks every decoder to support; levels up to 19 stay within it

_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 31, 15, -15


def coding(content_encoding: str | None) -> Coding:
    """What a Content-Encoding header says. Several codings, one over the other, are not read."""
    try:
        return _NAMES[(content_encoding or "").strip().lower()]
    except KeyError:
        raise UnsupportedMedia(f"content encoding not supported; send one of {ACCEPTED}") from None


def decompress(coding: Coding, body: bytes, limit: int) -> bytes:
    """The whole of `body`; TooLarge when that is over `limit` bytes, Malformed when it is not `coding`."""
    match coding:
        case Coding.IDENTITY:
            if len(body) > limit:
                raise _too_large(limit)
            return body
        case Coding.GZIP:
            return _inflate(coding, body, limit, _GZIP_WINDOW)
        case Coding.DEFLATE:
            # HTTP means zlib; some senders leave its two-byte header out.
            zlib_header = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
            return _inflate(coding, body, limit, _ZLIB_WINDOW if zlib_header else _RAW_WINDOW)
        case Coding.ZSTD:
            return _zstd(body, limit)


def _inflate(coding: Coding, body: bytes, limit: int, window: int) -> bytes:
    # getvalue() hands over the buffer it grew in, where joining pieces would need twice the memory.
    output, size, position = BytesIO(), 0, 0
    while True:
        member = zlib.decompressobj(window)
        step = len(body) if position == 0 and len(body) <= _SLICE else _FIRST_SLICE
        while not member.eof:
            pending = member.unconsumed_tail
            if not pending:
                pending = body[position : position + step]
                position += len(pending)
                step = min(step * 2, _SLICE)
            try:
                piece = member.decompress(pending, min(_PIECE, limit - size + 1))
            except zlib.error:
                raise _corrupt(coding) from None
            if not pending and not piece:
                raise Malformed(f"the {coding} body is truncated: it ends before its end mark")
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            output.write(piece)
        position -= len(member.unused_data)
        if position == len(body):
            return output.getvalue()
        if coding is not Coding.GZIP or body[position : position + 2] != b"\x1f\x8b":
            raise _trailing(coding)


def _zstd(body: bytes, limit: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        claimed = zstandard.frame_content_size(body)
        if claimed > limit:
            raise _too_large(limit)
        if claimed > 0:
            return decompressor.decompress(body, allow_extra_data=False)
    except zstandard.ZstdError:
        pass  # several frames or a broken one: the long way tells which
    output, size, position, frame_start = BytesIO(), 0, 0, 0
    frame = decompressor.decompressobj()
    while position < len(body):
        if frame.eof:
            frame, frame_start = decompressor.decompressobj(), position
        given = body[position : position + _ZSTD_SLICE]
        try:
            piece = frame.decompress(given)
        except zstandard.ZstdError as error:
            if "too much memory" in str(error):
                raise TooLarge("the zstd window is over 8 MiB; compress at level 19 or lower") from None
            raise (_trailing if position == frame_start > 0 else _corrupt)(Coding.ZSTD) from None
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        output.write(piece)
        position += len(given) - len(frame.unused_data)
    if not frame.eof:
        raise Malformed("the zstd body is truncated: it ends before its last frame does")
    return output.getvalue()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is over {limit} bytes after decompression; send smaller batches")


def _corrupt(coding: Coding) -> Malformed:
    return Malformed(f"the body is not valid {coding}; check that Content-Encoding says what was sent")


def _trailing(coding: Coding) -> Malformed:
    return Malformed(f"bytes follow the end of the {coding} body; send the compressed data alone")
