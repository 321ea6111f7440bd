"""Every coding gives back what went in, and nothing else gets through."""

from __future__ import annotations

import contextlib
import gzip
import random
import resource
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import Malformed, TooLarge, UnsupportedMedia
from collector.receivers.decompress import Coding, coding, decompress

MiB = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def zstd_of_unknown_size(data: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(data) + compressor.flush()


COMPRESS: dict[str, tuple[Coding, Callable[[bytes], bytes]]] = {
    "gzip": (Coding.GZIP, gzip.compress),
    "deflate (zlib)": (Coding.DEFLATE, zlib.compress),
    "deflate (raw)": (Coding.DEFLATE, raw_deflate),
    "zstd": (Coding.ZSTD, lambda data: zstandard.ZstdCompressor().compress(data)),
    "zstd of unknown size": (Coding.ZSTD, zstd_of_unknown_size),
}
every_way = pytest.mark.parametrize("way", COMPRESS)
DATA = {
    "empty": b"",
    "one byte": b"a",
    "even": b"resource spans " * 50_000,
    "uneven": random.Random(7).randbytes(300_000),
}


@every_way
@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
def test_what_went_in_comes_out(way: str, data: bytes) -> None:
    name, compress = COMPRESS[way]
    assert decompress(name, compress(data), MiB) == data


@every_way
def test_the_limit_itself_is_allowed_and_a_byte_more_is_not(way: str) -> None:
    name, compress = COMPRESS[way]
    for size in (1, 1000, 3 * MiB):
        assert len(decompress(name, compress(bytes(size)), size)) == size
        with pytest.raises(TooLarge, match=f"over {size - 1} bytes after decompression"):
            decompress(name, compress(bytes(size)), size - 1)


def test_identity_is_bounded_too() -> None:
    assert decompress(Coding.IDENTITY, b"abc", 3) == b"abc"
    with pytest.raises(TooLarge):
        decompress(Coding.IDENTITY, b"abc", 2)


@every_way
@pytest.mark.parametrize("data", [b"some data", DATA["uneven"]], ids=["short", "long"])
def test_a_truncated_body_is_malformed_wherever_it_ends(way: str, data: bytes) -> None:
    name, compress = COMPRESS[way]
    body = compress(data)
    for end in {0, 1, 2, 5, len(body) // 2, len(body) - 4, len(body) - 1}:
        with pytest.raises(Malformed, match=name.value):
            decompress(name, body[:end], MiB)


@every_way
@pytest.mark.parametrize("garbage", [b"\0", b"garbage", b"\x1f", bytes(100_000)])
def test_bytes_after_the_end_are_malformed(way: str, garbage: bytes) -> None:
    name, compress = COMPRESS[way]
    with pytest.raises(Malformed, match=name.value):
        decompress(name, compress(b"some data") + garbage, MiB)


@pytest.mark.parametrize("name", [Coding.GZIP, Coding.DEFLATE, Coding.ZSTD])
def test_a_body_in_no_coding_is_malformed(name: Coding) -> None:
    with pytest.raises(Malformed, match=f"not valid {name}"):
        decompress(name, b"\xff" * 100, MiB)


def test_a_wrong_checksum_is_malformed() -> None:
    body = bytearray(gzip.compress(b"some data"))
    body[-6] ^= 1
    with pytest.raises(Malformed):
        decompress(Coding.GZIP, bytes(body), MiB)


@pytest.mark.parametrize("way", ["gzip", "zstd", "zstd of unknown size"])
def test_members_and_frames_are_joined(way: str) -> None:
    name, compress = COMPRESS[way]
    parts = [b"one", b"", DATA["uneven"], b"four"]
    body = b"".join(compress(part) for part in parts)
    assert decompress(name, body, MiB) == b"".join(parts)
    with pytest.raises(TooLarge):
        decompress(name, body, len(b"".join(parts)) - 1)


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_many_small_members_take_no_more_than_linear_time(way: str) -> None:
    name, compress = COMPRESS[way]
    member = compress(b"a")

    def seconds(count: int) -> float:
        started = time.process_time()
        assert len(decompress(name, member * count, MiB)) == count
        return time.process_time() - started

    seconds(1_000)
    assert seconds(40_000) < 30 * max(seconds(4_000), 0.005)


def test_a_zstd_window_over_eight_mebibytes_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=26)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(TooLarge, match="window"):
        decompress(Coding.ZSTD, compressor.compress(b"a") + compressor.flush(), MiB)


def test_a_zstd_frame_that_lies_about_its_size_is_malformed() -> None:
    body = bytearray(zstandard.ZstdCompressor().compress(bytes(300)))
    assert zstandard.frame_content_size(bytes(body)) == 300
    body[5] += 1
    with pytest.raises(Malformed):
        decompress(Coding.ZSTD, bytes(body), MiB)


@settings(deadline=None, max_examples=300)
@given(
    name=st.sampled_from([Coding.GZIP, Coding.DEFLATE, Coding.ZSTD]),
    start=st.sampled_from([b"", b"\x1f\x8b\x08\0", b"\x78\x9c", b"\x28\xb5\x2f\xfd"]),
    body=st.binary(max_size=100),
)
def test_any_bytes_give_bytes_or_an_error_of_ours(name: Coding, start: bytes, body: bytes) -> None:
    with contextlib.suppress(Malformed, TooLarge):
        assert isinstance(decompress(name, start + body, 10_000), bytes)


def bomb(way: str) -> bytes:
    """1 GiB of zeros."""
    if way.startswith("zstd"):
        frame = zstandard.ZstdCompressor().compressobj(size=-1 if "unknown" in way else 1024 * MiB)
        return b"".join([frame.compress(bytes(MiB)) for _ in range(1024)] + [frame.flush()])
    # Compressed once and repeated; there is no end mark, but nobody should get that far.
    stream = zlib.compressobj(wbits={"gzip": 31, "deflate (zlib)": 15, "deflate (raw)": -15}[way])
    first, again = (stream.compress(bytes(MiB)) + stream.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * 1023


def resident_growth(way: str, limit: int) -> int:
    """Bytes that refusing a bomb adds to this process's peak: what libraries allocate for themselves, too."""
    body = bomb(way)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLarge):
        decompress(COMPRESS[way][0], body, limit)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


@every_way
def test_a_bomb_is_refused_within_bounded_memory(way: str) -> None:
    # In a process of its own: this one's peak may be higher already.
    script = f"import {__name__} as it; print(it.resident_growth({way!r}, 16 << 20))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(run.stdout) < (16 + 32) * MiB


@every_way
def test_a_body_at_the_limit_needs_little_more_than_its_size(way: str) -> None:
    name, compress = COMPRESS[way]
    body = compress(bytes(32 * MiB))
    tracemalloc.start()
    try:
        assert len(decompress(name, body, 32 * MiB)) == 32 * MiB
        assert tracemalloc.get_traced_memory()[1] < 48 * MiB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Coding.IDENTITY),
        ("", Coding.IDENTITY),
        ("identity", Coding.IDENTITY),
        (" GZip ", Coding.GZIP),
        ("x-gzip", Coding.GZIP),
        ("deflate", Coding.DEFLATE),
        ("zstd", Coding.ZSTD),
    ],
)
def test_a_header_names_a_coding(header: str | None, expected: Coding) -> None:
    assert coding(header) is expected


@pytest.mark.parametrize("header", ["gzip, gzip", "identity, gzip", "br", "snappy", "gzip;q=1"])
def test_other_codings_and_several_are_not_supported(header: str) -> None:
    with pytest.raises(UnsupportedMedia, match="identity, gzip, deflate, zstd"):
        coding(header)
