"""Whatever is sent, a real collector answers as the specification allows, and goes on storing what is valid."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import httpx
import pytest
import zstandard
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.receivers.grpc import SERVICES
from collector.signals import Signal
from tests.end_to_end import raw_grpc
from tests.end_to_end.over_grpc import channel_to
from tests.fixtures.expected import FIXTURES
from tests.server import Server

ANSWERS = {200, 400, 413, 415, 429, 503}
OK, INVALID, EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = (
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
)
GRPC_ANSWERS = {OK, INVALID, EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE}
# What gRPC's own core says of a message whose frame or compression is broken, before any code of ours sees it.
CORE_ANSWERS = {code.value[0] for code in GRPC_ANSWERS | {INTERNAL}}

SIZES = [pytest.param(150, id="some"), pytest.param(10_000, id="many", marks=pytest.mark.prove)]
RECORDED = [path for path in sorted(FIXTURES.glob("*/*.*.*")) if path.stat().st_size < 20_000]
CODECS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
PROTOBUF, JSON = "application/x-protobuf", "application/json"
ascii_text = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)


@dataclass(frozen=True)
class Attempt:
    signal: Signal
    body: bytes
    content_type: str
    encoding: str


@st.composite
def edits(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with a few bytes flipped, put in, taken out or doubled."""
    body = bytearray(whole)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4]))):
        at = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["flip", "insert", "delete", "repeat", "cut"])):
            case "flip":
                body[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "insert":
                body[at:at] = draw(st.binary(min_size=1, max_size=4))
            case "delete":
                del body[at : at + draw(st.integers(1, 8))]
            case "repeat":
                body[at:at] = body[at : at + draw(st.integers(1, 64))]
            case "cut":
                del body[at:]
    return bytes(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceSpans", "resourceLogs", "resourceMetrics", "scopeSpans", "spans", "attributes", "a"]
            ),
            values,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """Anything: noise, changed recordings, JSON of any shape, compressed or not, and headers that say so or lie."""
    signal = draw(st.sampled_from(list(Signal)))
    match draw(st.sampled_from(["noise", "json", "recorded", "recorded", "recorded"])):
        case "noise":
            body = draw(st.binary(max_size=300))
        case "json":
            body = json.dumps(draw(json_values)).encode("utf-8", "surrogatepass")
        case _:
            path = draw(st.sampled_from(RECORDED))
            if draw(st.integers(0, 9)):
                signal = Signal(path.name.split(".")[1])
            body = draw(edits(path.read_bytes()))
    codec = draw(st.sampled_from(list(CODECS)))
    body = CODECS[codec](body)
    if draw(st.booleans()):
        body = draw(edits(body))
    looks_like_json = body.lstrip()[:1] in (b"{", b"[")
    honest = JSON if looks_like_json else PROTOBUF
    # One in ten is a name that nobody knows: what is refused by its headers alone says nothing about bodies.
    rarely = st.integers(0, 9).map(lambda number: number == 0)
    known = [honest, honest, honest, honest, JSON, PROTOBUF, f"{honest}; charset=utf-8"]
    content_type = draw(ascii_text if draw(rarely) else st.sampled_from(known))
    encoding = draw(ascii_text if draw(rarely) else st.sampled_from([codec, codec, codec, codec, codec, *CODECS]))
    return Attempt(signal, body, content_type, encoding)


def profile(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 1_000,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def valid(number: int) -> bytes:
    """One span, known by its name."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="after all that", start_time_unix_nano=10**18)
    span.trace_id, span.span_id = number.to_bytes(16, "big"), b"\1" * 8
    return request.SerializeToString()


@pytest.fixture(scope="module")
def unshaken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A collector for the whole module. When all was sent, it has everything that it took and nothing else."""
    server = Server(tmp_path_factory.mktemp("any") / "data")
    server.start()
    try:
        yield server
        still_works(server, 999)
        metrics = httpx.get(f"{server.endpoint}/metrics").text
    finally:
        status = server.stop()
    assert status == 0
    assert 'outcome="unavailable"' not in metrics  # a bug of ours would be answered so
    assert "a request failed on a bug" not in server.log.read_text()
    found = server.query("SELECT count() FROM otel_traces WHERE SpanName = 'after all that'")
    assert found[0][0] >= 1


def still_works(server: Server, number: int) -> None:
    """The loader isn't stuck, nothing was lost or buried, and a valid request is stored."""
    assert server.post("traces", valid(number)).status_code == 200
    server.settle()
    assert server.unaccounted() == 0
    assert server.get("/ops/dead") == []
    readiness = server.get("/readyz")
    assert (readiness["ready"], readiness["problems"]) == (True, [])


@pytest.mark.parametrize("examples", SIZES)
def test_any_http_request_gets_an_answer_that_the_specification_allows(unshaken: Server, examples: int) -> None:
    seen: Counter[int] = Counter()
    with httpx.Client(base_url=unshaken.endpoint, timeout=60) as client:

        @profile(examples)
        @given(attempts())
        def send(attempt: Attempt) -> None:
            headers = {"content-type": attempt.content_type, "content-encoding": attempt.encoding}
            response = client.post(f"/v1/{attempt.signal}", content=attempt.body, headers=headers)
            seen[response.status_code] += 1
            assert response.status_code in ANSWERS
            assert "retry-after" in response.headers or response.status_code not in (429, 503)

        send()
    assert set(seen) >= {200, 400, 415}, seen  # the attempts were neither all good nor all bad
    still_works(unshaken, 1)


@pytest.mark.parametrize("examples", SIZES)
def test_any_grpc_message_gets_an_answer_that_the_specification_allows(unshaken: Server, examples: int) -> None:
    seen: Counter[grpc.StatusCode] = Counter()
    methods = [f"/{service}/Export" for service in SERVICES.values()]
    some_method = st.sampled_from([*methods, *methods, *methods, methods[0] + "s", "/no.such.Service/Export"])
    compressions = st.sampled_from([None, grpc.Compression.Gzip, grpc.Compression.Deflate])
    with channel_to(unshaken) as channel:

        @profile(examples)
        @given(attempts(), some_method, st.booleans(), compressions)
        def send(attempt: Attempt, method: str, right: bool, compression: grpc.Compression | None) -> None:
            if right:
                method = f"/{SERVICES[attempt.signal]}/Export"
            code, _ = channel.call(method, attempt.body, compression)
            seen[code] += 1
            assert code in GRPC_ANSWERS

        send()
    assert set(seen) >= {OK, INVALID, UNIMPLEMENTED}, seen
    still_works(unshaken, 2)


@st.composite
def grpc_data(draw: st.DrawFn) -> tuple[str, bytes]:
    """The data of a gRPC stream and its declared encoding: frames that break off, lie about lengths or codecs."""
    attempt = draw(attempts())
    framed = raw_grpc.message(attempt.body, compressed=draw(st.booleans()))
    encoding = draw(st.sampled_from(["identity", "gzip", "gzip", "deflate", "snappy"]))
    return encoding, draw(edits(framed) | st.just(framed) | st.binary(max_size=12))[:60_000]


@pytest.mark.parametrize("examples", SIZES)
def test_any_grpc_stream_of_bytes_gets_an_answer(unshaken: Server, examples: int) -> None:
    seen: Counter[int | str] = Counter()

    @profile(examples)
    @given(st.sampled_from(list(Signal)), grpc_data())
    def send(signal: Signal, sent: tuple[str, bytes]) -> None:
        encoding, data = sent
        answer = raw_grpc.call(unshaken.grpc_port, f"/{SERVICES[signal]}/Export", data, grpc_encoding=encoding)
        seen[answer] += 1
        assert answer in CORE_ANSWERS

    send()
    assert INTERNAL.value[0] in seen, seen
    still_works(unshaken, 3)


def test_the_hand_written_call_is_a_real_one(unshaken: Server) -> None:
    path = f"/{SERVICES[Signal.TRACES]}/Export"
    body, port = valid(4), unshaken.grpc_port
    assert raw_grpc.call(port, path, raw_grpc.message(body)) == 0
    compressed = raw_grpc.message(gzip.compress(valid(5)), compressed=True)
    assert raw_grpc.call(port, path, compressed, grpc_encoding="gzip") == 0
    assert raw_grpc.call(port, path, raw_grpc.message(b"\xff")) == INVALID.value[0]
    assert raw_grpc.call(port, path + "s", raw_grpc.message(body)) == UNIMPLEMENTED.value[0]
    broken = raw_grpc.message(b"no gzip", compressed=True)
    assert raw_grpc.call(port, path, broken, grpc_encoding="gzip") == INTERNAL.value[0]


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_a_body_over_the_limit_is_refused_before_and_after_decompression(
    unshaken: Server, path: str, content_type: str
) -> None:
    large = bytes(17 << 20)
    for encoding in ("identity", "gzip", "deflate", "zstd"):
        headers = {"content-type": content_type, "content-encoding": encoding}
        response = httpx.post(unshaken.endpoint + path, content=CODECS[encoding](large), headers=headers, timeout=60)
        assert response.status_code == 413


def test_a_grpc_message_over_the_limit_is_refused(unshaken: Server) -> None:
    with channel_to(unshaken) as channel:
        for compression in (None, grpc.Compression.Gzip):
            assert channel.export("traces", bytes(17 << 20), compression)[0] is EXHAUSTED


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_another_method_is_told_which_is_right(unshaken: Server, method: str) -> None:
    response = httpx.request(method, f"{unshaken.endpoint}/v1/traces")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
