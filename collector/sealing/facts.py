"""From the stored rows of whole traces to what is known of each of their spans: the columns of `sealed`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from collector.costing import COLUMNS as TOKENS
from collector.costing import USD, Calls, Costing, Costs
from collector.sealing.forest import Spans
from collector.sealing.ordering import Bools, Column, Ints, ordered
from collector.sealing.stored import Key
from collector.sealing.structure import Structure, structure

_NAME = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("ns", "UTC")
SEALED: Final = pa.schema(
    [
        ("Org", _NAME),
        ("TraceId", pa.string()),
        ("SpanId", pa.string()),
        ("Timestamp", _TIME),
        ("Duration", pa.uint64()),
        *((name, _NAME) for name in ("ServiceName", "Environment", "Operation", "StatusCode", "Agent", "RootAgent")),
        *((name, _NAME) for name in ("WorkflowName", "ReleaseId")),
        ("Requester", pa.string()),
        ("ConversationId", pa.string()),
        *((name, _NAME) for name in ("Provider", "Model", "ServiceTier", "ToolName", "Outcome")),
        ("Call", pa.uint8()),
        ("ToolCall", pa.uint8()),
        *((name, pa.uint64()) for name in TOKENS),
        ("PriceId", _NAME),
        ("Cost", USD),
        ("Unpriced", _NAME),
        ("TierUnknown", pa.uint8()),
        ("NotCounted", _NAME),
        ("PriceBook", _NAME),
        ("OwnTime", pa.uint64()),
        ("CriticalTime", pa.uint64()),
        ("Critical", pa.uint8()),
        ("Depth", pa.uint32()),
        ("Copies", pa.uint32()),
        *((name, pa.uint8()) for name in ("ParentMissing", "InCycle", "Dropped", "Redacted", "IsRoot")),
        ("SpanName", _NAME),
        ("TraceStart", _TIME),
        ("TraceDuration", pa.uint64()),
        ("TraceHasRoot", pa.uint8()),
        ("TraceCriticalPath", pa.uint64()),
        ("TraceHumanWait", pa.uint64()),
        ("TraceLastReceived", _TIME),
        ("ParentSpanId", pa.string()),
        ("AgentName", _NAME),
        ("TextBytes", pa.uint64()),
        ("AgentKey", pa.uint64()),
    ]
)
"""The columns of `sealed` but those of a seal: Seal, Sign and SealedAt."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Traces by number, and a row for each of their spans: sorted by trace number and span key."""

    keys: list[Key]
    stored: Ints
    """Rows, copies too, by trace number."""
    trace: Ints
    span_key: npt.NDArray[np.uint64]
    rows: pa.Table
    """The columns of `SEALED`."""
    costs: Costs

    def __len__(self) -> int:
        return len(self.rows)


def understand(table: pa.Table, costing: Costing, *, incomplete: bool = False) -> Facts:
    """What the spans of whole traces mean and cost: `table` has the columns of `seal_columns.sql`, in one chunk each.

    `incomplete`: more is stored than is here, which is noted where it is noted that senders dropped something.
    """
    trace, keys = traces_of(table)
    received = numbers(table, "ReceivedNs")
    found = structure(_spans(table, trace, received))
    first = np.flatnonzero(found.first)
    span_key = numbers(table, "SpanKey")[first]
    row = first[ordered(trace[first], span_key * 2.0**-64, span_key)]
    trace_of_row = trace[row]
    counted = table.take(row)

    last_received = np.zeros(len(keys), np.int64)
    np.maximum.at(last_received, trace, received)
    is_root = row == found.traces.root[trace_of_row]
    call = found.counted_call[row]
    costs = costing.cost(Calls.of(counted.filter(pa.array(call))))
    columns = {
        **_meaning(found, row, table["NamedAgent"].chunk(0)),
        **_money(costs, call, costing.book.version),
        **_of_trace(found, trace_of_row, last_received),
        "AgentKey": numbers(table, "AgentKey")[found.speaker[row]],
        "IsRoot": is_root,
        "Dropped": numbers(counted, "Dropped") | (is_root & incomplete),
    }
    rows = pa.table(
        {
            field.name: _column(columns[field.name], field.type)
            if field.name in columns
            else counted[field.name].cast(field.type)
            for field in SEALED
        },
        SEALED,
    )
    stored = np.bincount(trace, minlength=len(keys)).astype(np.int64)
    return Facts(keys, stored, trace_of_row, numbers(counted, "SpanKey"), rows, costs)


def traces_of(table: pa.Table) -> tuple[Ints, list[Key]]:
    """The trace's number of each row, and the traces by number."""
    org, orgs = _coded(table["Org"].chunk(0))
    trace_id, ids = _coded(table["TraceId"].chunk(0))
    both, number = np.unique(org.astype(np.int64) * len(ids) + trace_id, return_inverse=True)
    org_of, id_of = divmod(both, len(ids))
    return number.astype(np.int64), [(orgs[o], ids[i]) for o, i in zip(org_of.tolist(), id_of.tolist(), strict=True)]


def numbers(table: pa.Table, name: str) -> Column:
    column: Column = table[name].chunk(0).to_numpy(zero_copy_only=False)
    return column


def _spans(table: pa.Table, trace: Ints, received: Ints) -> Spans:
    request, requests = _coded(table["RequestId"].chunk(0))
    rank = np.empty(len(requests), np.int64)
    rank[np.argsort(np.array(requests, np.str_))] = np.arange(len(requests))
    return Spans(
        trace=trace,
        span_id=numbers(table, "SpanKey"),
        parent_id=numbers(table, "ParentKey"),
        start_ns=_nanoseconds(table, "Timestamp"),
        # What doesn't fit is no duration that anything had: it is cut there.
        duration_ns=np.minimum(numbers(table, "Duration"), np.uint64(2**63 - 1)).astype(np.int64),
        received_ns=received,
        request=rank[request],
        agent=_named_codes(table["NamedAgent"].chunk(0)),
        is_model_call=numbers(table, "ModelCall").astype(np.bool_),
        has_tokens=numbers(table, "HasTokens").astype(np.bool_),
        response_id=_named_codes(table["Response"].chunk(0)),
        is_human_wait=numbers(table, "HumanWait").astype(np.bool_),
    )


def _meaning(found: Structure, row: Ints, agents: pa.DictionaryArray) -> dict[str, Column | pa.Array]:
    return {
        "Agent": _names(found.agent_nearest[row], agents.dictionary),
        "RootAgent": _names(found.agent_root[row], agents.dictionary),
        "Call": found.counted_call[row],
        "OwnTime": found.own_ns[row],
        "CriticalTime": found.critical_ns[row],
        "Critical": found.critical[row],
        "Depth": found.depth[row],
        "Copies": found.copies[row],
        "ParentMissing": found.parent_missing[row],
        "InCycle": found.in_cycle[row],
    }


def _money(costs: Costs, call: Bools, book: str) -> dict[str, Column | pa.Array]:
    """The columns of calls, empty on other spans."""
    place = np.cumsum(call) - 1
    return {
        "Cost": costs.usd.take(pa.array(place, mask=~call)),
        "PriceId": _spread(costs.price_id, call),
        "Unpriced": _spread(costs.unpriced, call),
        "NotCounted": _spread(costs.not_counted, call),
        "TierUnknown": np.where(call, costs.tier_unknown[np.maximum(place, 0)], False)
        if len(costs.tier_unknown)
        else np.zeros(len(call), np.bool_),
        "PriceBook": _names(np.where(call, 0, -1).astype(np.int32), pa.array([book])),
    }


def _of_trace(found: Structure, trace: Ints, last_received: Ints) -> dict[str, Column | pa.Array]:
    of = found.traces
    return {
        "TraceStart": of.start_ns[trace],
        "TraceDuration": (of.end_ns - of.start_ns)[trace],
        "TraceHasRoot": (of.roots > 0)[trace],
        "TraceCriticalPath": of.critical_ns[trace],
        "TraceHumanWait": of.human_wait_ns[trace],
        "TraceLastReceived": last_received[trace],
    }


def _column(values: Column | pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if pa.types.is_timestamp(kind):
        return pa.array(values.astype(np.int64)).cast(pa.timestamp("ns")).cast(kind)
    return pa.array(values.astype(kind.to_pandas_dtype()))


def _coded(column: pa.Array) -> tuple[npt.NDArray[np.int32], list[str]]:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32), encoded.dictionary.to_pylist()


def _named_codes(column: pa.Array) -> npt.NDArray[np.int32]:
    """Codes of the column's dictionary, -1 for the empty text."""
    codes, texts = _coded(column)
    return np.where(codes == texts.index(""), -1, codes).astype(np.int32) if "" in texts else codes


def _names(codes: npt.NDArray[np.int32], dictionary: pa.Array) -> pa.DictionaryArray:
    """The texts of the codes, the empty one for -1."""
    blank = pc.index(dictionary, pa.scalar("", dictionary.type)).as_py()
    if blank < 0:
        blank, dictionary = len(dictionary), pa.concat_arrays([dictionary, pa.array([""], dictionary.type)])
    return pa.DictionaryArray.from_arrays(pa.array(np.where(codes < 0, blank, codes).astype(np.int32)), dictionary)


def _spread(of_calls: pa.DictionaryArray, call: Bools) -> pa.DictionaryArray:
    codes = np.full(len(call), -1, np.int32)
    codes[call] = of_calls.indices.to_numpy(zero_copy_only=False)
    return _names(codes, of_calls.dictionary)


def _nanoseconds(table: pa.Table, name: str) -> Ints:
    return numbers(table.select([name]).cast(pa.schema([(name, pa.int64())])), name)
