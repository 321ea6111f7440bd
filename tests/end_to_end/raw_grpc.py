"""A gRPC call written by hand, so that what no client library would send can be sent: HTTP/2 frames on a socket.

Just enough of RFC 9113 and RFC 7541: one stream, no flow control (messages stay below the first window of 64 KiB),
headers as literals. gRPC's core answers without Huffman coding, so the status is read as text.
"""

from __future__ import annotations

import re
import socket
import struct

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_STATUS = re.compile(rb"grpc-status[\x01\x02]([0-9]{1,2})")


def message(payload: bytes, *, compressed: bool = False) -> bytes:
    """A length-prefixed gRPC message."""
    return struct.pack(">BI", compressed, len(payload)) + payload


def call(port: int, path: str, body: bytes, **headers: str) -> int | str:
    """The gRPC status code of a call with these bytes as its data; "reset" or "closed" where the stream was refused.

    Raises TimeoutError when no answer comes.
    """
    sent = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": f"127.0.0.1:{port}",
        "content-type": "application/grpc",
        "te": "trailers",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in sent.items())
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        # Or the acknowledgement of the settings waits 40 ms for that of what went before.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(_SETTINGS, 0, 0, b"")
            + _frame(_HEADERS, _END_HEADERS, 1, block)
            + b"".join(_frame(_DATA, 0, 1, body[at : at + 16_000]) for at in range(0, len(body), 16_000))
            + _frame(_DATA, _END_STREAM, 1, b"")
        )
        return _answer(connection)


def _answer(connection: socket.socket) -> int | str:
    incoming = connection.makefile("rb")
    headers = b""
    while len(head := incoming.read(9)) == 9:
        size, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
        payload = incoming.read(size)
        if kind == _SETTINGS and not flags & _ACK:
            connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            connection.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _GOAWAY:
            return "closed"
        elif stream == 1:
            if kind == _RST_STREAM:
                return "reset"
            if kind == _HEADERS:
                headers += payload
            if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
                status = _STATUS.search(headers)
                assert status, headers
                return int(status[1])
    return "closed"


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _text(text: str) -> bytes:
    octets = text.encode()
    assert len(octets) < 127
    return bytes((len(octets),)) + octets
