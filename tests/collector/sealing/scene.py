"""A store of a test's own with a sealer on it, a clock that the test sets, and what counts, worked out plainly."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.receivers.payload import batch_tail, decode
from collector.sealing.sealer import Sealer
from collector.settings import CollectorSettings
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.connection import Store
from collector.store.writer import Writer

SECOND = 10**9
BEGIN = 1_780_000_000 * SECOND
"""When traces of tests begin."""
ORG = "acme"
_NUMBER = itertools.count(1)
_SUMS = (
    "Spans", "Errors", "Calls", "ToolCalls", "TokensUnknown", "Unpriced", "TierUnknown", "InputTokens", "OutputTokens",
    "CacheReadTokens", "CacheWriteTokens", "ReasoningTokens", "Cost", "OwnTime",
)  # fmt: skip
_KEYS = (
    "Hour", "Org", "Agent", "RootAgent", "ServiceName", "Environment", "WorkflowName", "ReleaseId", "Provider", "Model",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """A span as an agent sends it. Times in seconds after BEGIN."""

    trace: int
    span: int
    parent: int = 0
    start: float = 0
    seconds: float = 1
    attributes: Mapping[str, str | int] | None = None
    error: bool = False
    approval: bool = False

    @property
    def trace_id(self) -> str:
        return f"{self.trace:032x}"


def agent(trace: int, span: int, name: str, parent: int = 0, **more: Any) -> Said:
    return Said(
        trace, span, parent, attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}, **more
    )


def call(trace: int, span: int, parent: int = 0, tokens: tuple[int, int] | None = (100, 10), **more: Any) -> Said:
    """A call to `model`, by default one that has a price."""
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": more.pop("model", "gpt-4o"),
    }
    if tokens:
        attributes |= {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    return Said(trace, span, parent, attributes=attributes | more.pop("more", {}), **more)


def request(spans: Iterable[Said]) -> bytes:
    """One request of one service, serialised."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "desk"
    scope = resource.scope_spans.add()
    for said in spans:
        span = scope.spans.add(
            trace_id=said.trace.to_bytes(16, "big"),
            span_id=said.span.to_bytes(8, "big"),
            parent_span_id=said.parent.to_bytes(8, "big") if said.parent else b"",
            name=f"span {said.span}",
            start_time_unix_nano=BEGIN + int(said.start * SECOND),
            end_time_unix_nano=BEGIN + int((said.start + said.seconds) * SECOND),
        )
        span.status.code = Status.STATUS_CODE_ERROR if said.error else Status.STATUS_CODE_UNSET
        for key, value in (said.attributes or {}).items():
            if isinstance(value, int):
                span.attributes.add(key=key).value.int_value = value
            else:
                span.attributes.add(key=key).value.string_value = value
        if said.approval:
            span.events.add(name="muster.approval", time_unix_nano=span.start_time_unix_nano)
    return message.SerializeToString()


class Scene:
    """`clock` is what the sealer believes the time is, ns."""

    def __init__(self, store: Store, writer: Writer, directory: Path) -> None:
        self.store = store
        self.directory = directory
        self.writer = writer
        self.clock = 0
        self.settings = CollectorSettings()
        self.restart()
        self.pass_seconds(0)

    def restart(self, book: PriceBook | None = None) -> None:
        """A new sealer, as after a crash."""
        self.costing = Costing(book or PriceBook())
        self.sealer = Sealer(self.store, self.costing, self.directory, self.settings, lambda: self.clock)

    def send(self, *spans: Said, org: str = ORG, received: float = 0) -> None:
        """Store spans as one request in one batch."""
        self.store_request(request(spans), org=org, received=received)

    def store_request(self, body: bytes, *, org: str = ORG, received: float = 0) -> None:
        """Store a serialised request as one batch."""
        name = f"scene-{next(_NUMBER)}"
        export = Export(Signal.TRACES, Encoding.PROTOBUF, body, Principal(org, "", Method.NONE))
        payload = decode(export, BEGIN + int((3600 + received) * SECOND), name).payload
        self.writer.insert(Signal.TRACES, self.writer.plan(name), [payload, batch_tail(name)])

    def pass_seconds(self, seconds: float) -> None:
        """Let the clock be so far from the engine's."""
        self.clock = self.query("SELECT toUnixTimestamp64Nano(now64(9)) AS now")[0]["now"] + int(seconds * SECOND)

    def seal(self, after: float = 20) -> int:
        """Run the sealer `after` seconds from now; the seals it wrote."""
        self.pass_seconds(after)
        return self.sealer.run_once().seals

    def query(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return list(self.store.client().query(sql, parameters=parameters).named_results())

    def summary(self, trace: int, org: str = ORG) -> dict[str, Any]:
        """What counts of a trace."""
        (row,) = self.query(
            "SELECT * FROM trace_summaries FINAL WHERE TraceId = {id:String} AND Org = {org:String}",
            id=f"{trace:032x}", org=org,
        )  # fmt: skip
        return row

    def facts(self, trace: int, org: str = ORG) -> dict[int, dict[str, Any]]:
        """What counts of a trace's spans, by id."""
        found = [row for row in self.newest() if (row["TraceId"], row["Org"]) == (f"{trace:032x}", org)]
        assert len({row["SpanId"] for row in found}) == len(found)
        return {int(row["SpanId"], 16): row for row in found}

    def newest(self) -> list[dict[str, Any]]:
        """The facts of each trace's newest seal."""
        rows = self.query("SELECT *, toUnixTimestamp(toStartOfHour(Timestamp)) AS Hour FROM span_facts")
        newest: defaultdict[tuple[str, str], int] = defaultdict(int)
        for row in rows:
            key = row["Org"], row["TraceId"]
            newest[key] = max(newest[key], row["Seal"])
        return [row for row in rows if row["Seal"] == newest[row["Org"], row["TraceId"]]]

    def minutes(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The rollup by minute, without what came to nothing."""
        keys = "toUnixTimestamp(Minute), Org, Agent, AgentKey, ReleaseId, Model, ToolName"
        sums = "sum(Spans), sum(Errors), sum(Traces), sum(FailedTraces), sum(Unpriced), sum(InputTokens), sum(Cost)"
        rows = self.store.client().query(f"SELECT {keys}, {sums} FROM sealed_minute GROUP BY {keys}").result_rows
        return {tuple(row[:7]): tuple(row[7:]) for row in rows if any(row[7:])}

    def minutes_afresh(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The same from the newest facts, row by row."""
        found: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0] * 7)
        for row in self.newest():
            minute = int(row["TraceStart"].timestamp()) // 60 * 60
            model, tool = row["Model"] if row["Call"] else "", row["ToolName"] if row["ToolCall"] else ""
            key = minute, row["Org"], row["Agent"], row["AgentKey"], row["ReleaseId"], model, tool
            failed, call = row["StatusCode"] == "Error", row["Call"]
            values = (
                1, failed, row["IsRoot"], row["IsRoot"] and failed, call and row["Cost"] is None,
                (row["InputTokens"] or 0) if call else 0, (row["Cost"] or 0) if call else 0,
            )  # fmt: skip
            found[key] = [so_far + value for so_far, value in zip(found[key], values, strict=True)]
        return {key: tuple(values) for key, values in found.items()}

    def spend(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The rollup, without what came to nothing."""
        assert self.minutes() == self.minutes_afresh()
        sums = ", ".join(f"sum({name}) AS {name}" for name in _SUMS)
        keys = ", ".join(_KEYS[1:])
        rows = self.query(
            f"SELECT toUnixTimestamp(h.Hour) AS Hour, {keys}, {sums.replace('sum(', 'sum(h.')} "
            f"FROM spend_hour AS h GROUP BY Hour, {keys}"
        )
        found = {tuple(row[key] for key in _KEYS): {name: row[name] for name in _SUMS} for row in rows}
        return {key: sums for key, sums in found.items() if any(sums.values())}

    def spend_afresh(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The same from the newest facts, row by row."""
        found: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
        for row in self.newest():
            is_call = bool(row["Call"])
            key = tuple(row[name] if is_call or name not in ("Provider", "Model") else "" for name in _KEYS)
            silent = row["InputTokens"] is None and row["OutputTokens"] is None
            sums = {
                "Spans": 1,
                "Errors": row["StatusCode"] == "Error",
                "Calls": is_call,
                "ToolCalls": row["ToolCall"],
                "TokensUnknown": is_call and silent,
                "Unpriced": is_call and row["Cost"] is None,
                "TierUnknown": is_call and row["TierUnknown"],
                "OwnTime": row["OwnTime"],
                **{name: is_call and (row[name] or 0) for name in _SUMS if name.endswith("Tokens") or name == "Cost"},
            }
            for name, value in sums.items():
                found[key][name] += value
        return {key: {name: sums[name] for name in _SUMS} for key, sums in found.items()}
