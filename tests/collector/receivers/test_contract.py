"""One contract, every receiver: real servers on loopback, over HTTP with protobuf and JSON, and over gRPC."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import zstandard

from collector import errors
from collector.receivers.auth import StaticTokens
from collector.signals import Answer, Method, Principal, Signal
from tests.collector.receivers.sending import (
    EXPIRED,
    GRPC,
    JSON,
    PROTOBUF,
    RESPONSES,
    TOKEN,
    OverHttp,
    Reply,
    Sender,
)
from tests.collector.receivers.serving import MiB, Recorded, Scripted, Serving, serving
from tests.collector.receivers.test_decompress import bomb, raw_deflate

MAX_BODY, MAX_DECOMPRESSED, MAX_MESSAGE = 100_000, 400_000, 400_000
REJECTED = {
    Signal.TRACES: "rejected_spans",
    Signal.LOGS: "rejected_log_records",
    Signal.METRICS: "rejected_data_points",
}


every_receiver = pytest.mark.parametrize("sender", [PROTOBUF, JSON, GRPC], ids=["http-protobuf", "http-json", "grpc"])
over_http = pytest.mark.parametrize("sender", [PROTOBUF, JSON], ids=["protobuf", "json"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    file: Path = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    entry = '[[token]]\nsha256 = "{}"\norg = "acme"\nidentity = "checkout"\n{}\n'
    digests = [hashlib.sha256(token.encode()).hexdigest() for token in (TOKEN, EXPIRED)]
    file.write_text(entry.format(digests[0], "") + entry.format(digests[1], "expires = 2020-01-01"))
    file.chmod(0o600)
    limits = {"max_body": MAX_BODY, "max_decompressed": MAX_DECOMPRESSED, "max_message": MAX_MESSAGE}
    with serving(StaticTokens(file), **limits) as ports:
        yield ports


@pytest.fixture
def ports(running: Serving) -> Serving:
    running.consumer.reply = Answer(1)
    running.consumer.seen.clear()
    running.observer.calls.clear()
    return running


@every_receiver
@pytest.mark.parametrize("signal", Signal)
def test_an_export_reaches_the_consumer_as_it_was_sent(ports: Serving, sender: Sender, signal: Signal) -> None:
    reply = sender.send(ports, signal, b"the body")
    assert reply.code in (200, "OK")
    assert reply.message == RESPONSES[signal]()
    (export,) = ports.consumer.seen
    assert (export.signal, export.encoding, export.body) == (signal, sender.encoding, b"the body")
    assert export.principal == Principal("acme", "checkout", Method.TOKEN)
    assert ports.observer.calls == [(sender.transport, signal, "accepted", len(b"the body"))]


@every_receiver
@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize(
    ("answer", "rejected", "message", "outcome"),
    [
        (Answer(2, 3, message="3 have no id"), 3, "3 have no id", "partial"),
        (Answer(2, 3), 3, "", "partial"),
        (Answer(2, message="a warning"), 0, "a warning", "accepted"),
        (Answer(2, absorbed=True), 0, "", "absorbed"),
    ],
)
def test_partial_success_is_told(
    ports: Serving, sender: Sender, signal: Signal, answer: Answer, rejected: int, message: str, outcome: str
) -> None:
    ports.consumer.reply = answer
    reply = sender.send(ports, signal, b"")
    assert reply.code in (200, "OK")
    assert reply.message.HasField("partial_success") == bool(rejected or message)
    assert getattr(reply.message.partial_success, REJECTED[signal]) == rejected
    assert reply.message.partial_success.error_message == message
    assert ports.observer.calls == [(sender.transport, signal, outcome, 0)]


@every_receiver
@pytest.mark.parametrize(
    ("error", "http", "code", "outcome", "retry"),
    [
        (errors.Malformed("no"), 400, "INVALID_ARGUMENT", "malformed", None),
        (errors.TooLarge("no"), 413, "RESOURCE_EXHAUSTED", "too_large", None),
        (errors.UnsupportedMedia("no"), 415, "UNIMPLEMENTED", "unsupported", None),
        (errors.Unauthenticated("no"), 401, "UNAUTHENTICATED", "unauthenticated", None),
        (errors.Forbidden("no"), 403, "PERMISSION_DENIED", "forbidden", None),
        (errors.Overloaded("no", 2.5), 429, "RESOURCE_EXHAUSTED", "overloaded", 3),
        (errors.Unavailable("no", 0.1), 503, "UNAVAILABLE", "unavailable", 1),
        (RuntimeError("a bug"), 503, "UNAVAILABLE", "unavailable", 5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_leaves_with_its_code(
    ports: Serving, sender: Sender, error: Exception, http: int, code: str, outcome: str, retry: int | None
) -> None:
    ports.consumer.reply = error
    reply = sender.send(ports, Signal.LOGS, b"x")
    assert reply.code == (http if sender.transport == "http" else code)
    assert reply.message.code == grpc.StatusCode[code].value[0]
    assert reply.message.message
    assert "bug" not in reply.message.message
    assert reply.retry_info == retry
    assert reply.retry_after == (str(retry) if retry and sender.transport == "http" else None)
    assert ports.observer.calls == [(sender.transport, Signal.LOGS, outcome, 1)]


@every_receiver
@pytest.mark.parametrize("token", [None, "unknown", EXPIRED], ids=["missing", "unknown", "expired"])
def test_a_request_without_a_valid_token_is_refused(ports: Serving, sender: Sender, token: str | None) -> None:
    reply = sender.send(ports, Signal.TRACES, b"x", token)
    assert reply.code in (401, "UNAUTHENTICATED")
    assert reply.message.message.split(";")[0] in {
        "no credentials",
        "the token is not known",
        "the token has expired",
    }
    assert ports.consumer.seen == []
    assert ports.observer.calls[0][:3] == (sender.transport, Signal.TRACES, "unauthenticated")


COMPRESS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
}


def post(ports: Serving, sender: OverHttp, content: Any, path: str = "/v1/traces", **headers: str) -> Reply:
    return sender.post(ports, path, content, **{"authorization": f"Bearer {TOKEN}"} | headers)


@over_http
@pytest.mark.parametrize("way", COMPRESS)
@pytest.mark.parametrize("body", [b"short", b"", bytes(range(256)) * 300], ids=["short", "empty", "long"])
def test_http_bodies_are_decompressed(ports: Serving, sender: OverHttp, way: str, body: bytes) -> None:
    name, compress = COMPRESS[way]
    assert post(ports, sender, compress(body), content_encoding=name).code == 200
    assert ports.consumer.seen[0].body == body


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpc_bodies_are_decompressed(ports: Serving, compression: grpc.Compression) -> None:
    body = b"resource spans" * 1000
    assert GRPC.send(ports, Signal.TRACES, body, compression=compression).code == "OK"
    assert ports.consumer.seen[0].body == body


@over_http
def test_a_body_over_the_limit_is_refused_before_it_is_read(ports: Serving, sender: OverHttp) -> None:
    assert post(ports, sender, bytes(MAX_BODY)).code == 200
    assert post(ports, sender, bytes(MAX_BODY + 1)).code == 413
    assert ports.observer.calls[1] == ("http", Signal.TRACES, "too_large", 0)


@over_http
def test_a_body_of_unannounced_length_is_refused_when_it_passes_the_limit(ports: Serving, sender: OverHttp) -> None:
    chunk = bytes(10_000)
    assert post(ports, sender, iter([chunk] * 10)).code == 200
    reply = post(ports, sender, iter([chunk] * 10 + [b"x"]))
    assert (reply.code, f"{MAX_BODY} bytes" in reply.message.message) == (413, True)
    assert ports.observer.calls[1][3] <= MAX_BODY


@over_http
@pytest.mark.parametrize("way", ["gzip", "deflate", "raw deflate", "zstd"])
def test_the_limit_after_decompression_holds(ports: Serving, sender: OverHttp, way: str) -> None:
    name, compress = COMPRESS[way]
    assert post(ports, sender, compress(bytes(MAX_DECOMPRESSED)), content_encoding=name).code == 200
    reply = post(ports, sender, compress(bytes(MAX_DECOMPRESSED + 1)), content_encoding=name)
    assert (reply.code, "after decompression" in reply.message.message) == (413, True)


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_the_limit_of_grpc_holds_and_is_not_to_be_retried(ports: Serving, compression: grpc.Compression | None) -> None:
    assert GRPC.send(ports, Signal.LOGS, bytes(MAX_MESSAGE), compression=compression).code == "OK"
    reply = GRPC.send(ports, Signal.LOGS, bytes(MAX_MESSAGE + 1), compression=compression)
    assert (reply.code, reply.retry_info) == ("RESOURCE_EXHAUSTED", None)


@over_http
@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_a_body_that_is_not_what_its_encoding_says_is_malformed(ports: Serving, sender: OverHttp, name: str) -> None:
    reply = post(ports, sender, b"\xff not compressed", content_encoding=name)
    assert (reply.code, name in reply.message.message) == (400, True)


@over_http
@pytest.mark.parametrize("name", ["br", "gzip, gzip", "snappy"])
def test_an_unknown_content_encoding_is_unsupported(ports: Serving, sender: OverHttp, name: str) -> None:
    reply = post(ports, sender, b"x", content_encoding=name)
    assert (reply.code, "gzip, deflate, zstd" in reply.message.message) == (415, True)


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/xml; charset=utf-8"])
def test_an_unknown_content_type_is_unsupported(ports: Serving, content_type: str) -> None:
    reply = post(ports, JSON, b"x", content_type=content_type)
    assert reply.code == 415
    assert "application/x-protobuf, application/json" in reply.message.message
    assert ports.observer.calls == [("http", Signal.TRACES, "unsupported", 0)]


@over_http
@pytest.mark.parametrize("suffix", [";charset=utf-8", "; charset=UTF-8"])
def test_a_content_type_may_have_parameters(ports: Serving, sender: OverHttp, suffix: str) -> None:
    url = f"http://127.0.0.1:{ports.http}/v1/logs"
    headers = {"content-type": sender.content_type.title() + suffix, "authorization": f"Bearer {TOKEN}"}
    assert httpx.post(url, content=b"x", headers=headers).status_code == 200
    assert ports.consumer.seen[0].encoding is sender.encoding


@over_http
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_allowed(ports: Serving, sender: OverHttp, method: str) -> None:
    assert post(ports, sender, b"", method=method).code == 405


@over_http
@pytest.mark.parametrize("path", ["/", "/v1/trace", "/v1/traces/", "/v1/profiles", "/docs", "/openapi.json"])
def test_an_unknown_path_is_answered_with_the_known_ones(ports: Serving, sender: OverHttp, path: str) -> None:
    reply = post(ports, sender, b"", path=path)
    assert (reply.code, "/v1/traces, /v1/logs and /v1/metrics" in reply.message.message) == (404, True)


def test_credentials_are_checked_before_anything_else(ports: Serving) -> None:
    headers = {"content_type": "text/plain", "content_encoding": "br"}
    assert JSON.post(ports, "/v1/traces", bytes(MAX_BODY + 1), **headers).code == 401
    assert post(ports, JSON, bytes(MAX_BODY + 1), **headers).message.message.startswith("content type")
    headers = {"content_encoding": "br"}
    assert post(ports, JSON, bytes(MAX_BODY + 1), **headers).message.message.startswith("content encoding")


@pytest.fixture(scope="module")
def small_server() -> Iterator[tuple[Serving, Path]]:
    """In a process of its own, so that its memory can be read."""
    program = [sys.executable, "-m", "tests.collector.receivers.serving"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        found = json.loads(process.stdout.readline())
        yield (
            Serving(found["http"], found["grpc"], Scripted(), Recorded()),
            Path(f"/proc/{process.pid}/status"),
        )
        process.stdin.close()
        assert process.wait(30) == 0


def peak(status: Path) -> int:
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("way", ["gzip", "deflate (zlib)", "zstd of unknown size"])
def test_a_bomb_over_http_is_refused_within_bounded_memory(small_server: tuple[Serving, Path], way: str) -> None:
    ports, status = small_server
    assert post(ports, PROTOBUF, b"").code == 200
    before = peak(status)
    reply = post(ports, PROTOBUF, bomb(way), content_encoding=way.split()[0])
    assert reply.code == 413
    assert peak(status) - before < (16 + 32) * MiB


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_bomb_over_grpc_is_refused_within_bounded_memory(
    small_server: tuple[Serving, Path], compression: grpc.Compression
) -> None:
    ports, status = small_server
    assert GRPC.send(ports, Signal.TRACES, b"").code == "OK"
    before = peak(status)
    reply = GRPC.send(ports, Signal.TRACES, bytes(128 * MiB), compression=compression)
    assert (reply.code, reply.retry_info) == ("RESOURCE_EXHAUSTED", None)
    assert peak(status) - before < (4 + 32) * MiB
