"""Real exporters against a real collector: what they encoded is what the tables hold."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans

from collector.demo.traffic import Totals, send
from tests.end_to_end import stored
from tests.end_to_end.dropped import KEPT, dropped
from tests.fixtures import expected
from tests.server import Server

INSTRUMENTATIONS = Path(__file__).parent.parent / "instrumentations"
ENCODERS: dict[str, Callable[[Any], Any]] = {"traces": encode_spans, "logs": encode_logs, "metrics": encode_metrics}
READ: dict[str, Any] = {"traces": expected.spans, "logs": expected.log_records, "metrics": expected.points}
ROWS: dict[str, Any] = {"traces": stored.spans, "logs": stored.log_records, "metrics": stored.points}


def over_http(server: Server, compression: Compression) -> dict[str, Any]:
    kinds = {"traces": HttpSpans, "logs": HttpLogs, "metrics": HttpMetrics}
    return {
        signal: exporter(endpoint=f"{server.endpoint}/v1/{signal}", compression=compression)
        for signal, exporter in kinds.items()
    }


def over_grpc(server: Server, compression: grpc.Compression) -> dict[str, Any]:
    endpoint = f"http://127.0.0.1:{server.grpc_port}"
    kinds: dict[str, Any] = {"traces": GrpcSpans, "logs": GrpcLogs, "metrics": GrpcMetrics}
    return {
        signal: exporter(endpoint=endpoint, insecure=True, compression=compression)
        for signal, exporter in kinds.items()
    }


WAYS: dict[str, Callable[[Server], dict[str, Any]]] = {
    "http": lambda server: over_http(server, Compression.NoCompression),
    "http-gzip": lambda server: over_http(server, Compression.Gzip),
    "http-deflate": lambda server: over_http(server, Compression.Deflate),
    "grpc-gzip": lambda server: over_grpc(server, grpc.Compression.Gzip),
}


def overhear(exporter: Any, encode: Callable[[Any], Any], file: Path) -> None:
    """Every batch goes into the file too, as the SDK encodes it."""
    export = exporter.export

    def overheard(batch: Any, *arguments: Any, **options: Any) -> Any:
        with file.open("ab") as kept:
            kept.write(encode(batch).SerializeToString())
        return export(batch, *arguments, **options)

    exporter.export = overheard


@dataclass(frozen=True)
class Sent:
    """Files <way>.<signal>.pb, as encoded, and the tables' rows by signal."""

    directory: Path
    rows: dict[str, list[stored.Row[Any]]]


@pytest.fixture(scope="module")
def everything_sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """Every kind of value the Python SDK can send, every way it can send it."""
    server = Server(tmp_path_factory.mktemp("live") / "data")
    kept = tmp_path_factory.mktemp("sent")
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(INSTRUMENTATIONS)
            every_kind = importlib.import_module("every_kind")
            for way, exporters_to in WAYS.items():
                patch.setenv("OTEL_SERVICE_NAME", way)
                exporters = exporters_to(server)
                for signal, exporter in exporters.items():
                    overhear(exporter, ENCODERS[signal], kept / f"{way}.{signal}.pb")
                every_kind.send(exporters["traces"], exporters["logs"], exporters["metrics"])
        server.settle()
        assert server.unaccounted() == 0
    finally:
        server.stop()
    return Sent(kept, {signal: rows(server.query) for signal, rows in ROWS.items()})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("signal", READ)
@pytest.mark.parametrize("way", WAYS)
def test_what_the_python_sdk_sends_is_found_again(everything_sent: Sent, way: str, signal: str) -> None:
    path = everything_sent.directory / f"{way}.{signal}.pb"
    items = [item for item in READ[signal](path) if signal != "metrics" or item.type in KEPT]
    assert len(items) == {"traces": 116, "logs": 65, "metrics": 16}[signal]
    rows = [row for row in everything_sent.rows[signal] if row.item.origin.service_name == way]
    stored.same([(row.item, row.dropped) for row in rows], list(zip(items, dropped(path), strict=True)))


@pytest.mark.parametrize("protocol", ["http", pytest.param("grpc", marks=pytest.mark.prove)])
def test_the_demos_totals_are_the_accounts_and_the_tables(server: Server, protocol: Any) -> None:
    endpoint = server.endpoint if protocol == "http" else f"http://127.0.0.1:{server.grpc_port}"
    totals: Totals = send(endpoint, protocol=protocol, days=3, traces=60, seed=5)
    server.settle()
    reconciliation = server.get("/ops/reconciliation?hours=48")
    server.stop()
    accounts = reconciliation["accounts"]
    assert reconciliation["unaccounted"] == 0
    sent = {"traces": totals.spans, "logs": totals.logs, "metrics": totals.points}
    for signal, count in sent.items():
        of_signal = [account for account in accounts if account["signal"] == signal]
        assert sum(account["received"] for account in of_signal) == count
        assert sum(account["stored"] for account in of_signal) == count
    [counts] = server.query(
        "SELECT (SELECT count() FROM otel_traces), (SELECT count() FROM otel_logs), "
        "(SELECT count() FROM merge(currentDatabase(), '^otel_metrics_(gauge|sum|histogram)$')), "
        "(SELECT count() FROM approvals), (SELECT count() FROM tool_calls), "
        "(SELECT countIf(StatusCode = 'Error') FROM otel_traces), "
        "(SELECT sum(Spans) FROM agent_activity), (SELECT sum(Errors) FROM agent_activity), "
        "(SELECT sum(Calls) FROM operation_minute WHERE Operation = 'execute_tool')"
    )
    spans, errors, tools = totals.spans, totals.errors, totals.tool_calls
    assert counts == [spans, totals.logs, totals.points, totals.approvals, tools, errors, spans, errors, tools]
    assert spans > 500


# The JavaScript SDK


SET_BY_THE_AGENT = 1_760_000_000_123_000_000
"""The one time of log records that is not the clock's."""


def timeless(value: Any) -> Any:
    """An item without what differs from run to run: ids, and times that are the clock's."""
    if isinstance(value, tuple):
        return tuple(map(timeless, value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changing = {"trace_id", "span_id", "parent_span_id", "start", "end", "observed_time"}
    if not isinstance(value, expected.LogRecord) or value.time != SET_BY_THE_AGENT:
        changing.add("time")
    unset = {
        field.name: type(getattr(value, field.name))()
        if field.name in changing
        else timeless(getattr(value, field.name))
        for field in fields(value)
    }
    return replace(value, **unset)


@pytest.mark.prove
def test_what_the_javascript_sdk_sends_is_found_again(server: Server, tmp_path: Path) -> None:
    """As JSON, as protobuf with gzip, over gRPC: the same items as were recorded, each way, but for ids and times."""
    agent = tmp_path / "js-sdk"
    shutil.copytree(INSTRUMENTATIONS / "js-sdk", agent, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(install, cwd=agent, check=True, timeout=300)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "OTEL_SERVICE_NAME": "js-sdk",
        "OTLP_HTTP": server.endpoint,
        "OTLP_GRPC": f"http://127.0.0.1:{server.grpc_port}",
    }
    subprocess.run(["node", "agent.mjs"], cwd=agent, env=environment, check=True, timeout=120)
    server.settle()
    assert server.unaccounted() == 0
    server.stop()
    for signal, read in READ.items():
        recorded = [
            item for path in sorted((expected.FIXTURES / "js-sdk").glob(f"*.{signal}.*")) for item in read(path)
        ]
        sent = [item for item in recorded if signal != "metrics" or item.type in KEPT]
        stored.same([timeless(row.item) for row in ROWS[signal](server.query)], map(timeless, sent))
        assert len(sent) > 15
