"""How the schema's files ask for redaction: macros made from a policy.

An item's keys and texts come as one pair of arrays (what is no attribute has an empty key), so that a policy is asked
once for each row; `suspicious` then says whether anything has to be cut out of its texts again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collector.redaction.policy import Policy
from collector.redaction.sql import RedactionSql
from collector.store.contents import literal
from collector.store.digests import digest_sql


def macros(policy: Policy) -> Mapping[str, Callable[[str], str]]:
    """`{{suspicious: org, keys, texts}}` and so on. The keys are the raw table's columns, which come with a batch."""
    redaction = RedactionSql(policy, key="redaction_key")
    return {
        "suspicious": lambda arguments: redaction.suspicious(*arguments.split(", ")),
        "redacted": lambda arguments: redaction.redacted(*arguments.split(", ")),
        "counted": lambda arguments: redaction.counted(*arguments.split(", ")),
        "kinds_after": lambda arguments: f"if(suspicious, {_kinds(arguments)}, {arguments.split(', ')[2]})",
        "kinds_after_each": _kinds_of_each,
        "slices": lambda arguments: _slices(*arguments.split(", ")),
        "redaction_policy": lambda _: literal(policy.id),
        "arguments_digest": lambda text: digest_sql(text, "digest_key"),
    }


def _kinds(arguments: str) -> str:
    """SQL for an Array(Int8): a number that was replaced is a text now, and so is a list that is none any more."""
    sent, texts, kinds = arguments.split(", ")
    return (
        "arrayMap((was, now, kind) -> if(was != now AND "
        f"(kind IN (2, 3, 4, 7) OR (kind IN (5, 6) AND NOT isValidJSON(now))), 1, kind), {sent}, {texts}, {kinds})"
    )


def _kinds_of_each(arguments: str) -> str:
    sent, texts, kinds = arguments.split(", ")
    return f"if(suspicious, arrayMap((s, t, n) -> {_kinds('s, t, n')}, {sent}, {texts}, {kinds}), {kinds})"


def _slices(keys: str, texts: str, before: str) -> str:
    """SQL for an Array(Array(String)): the texts of each of several lists of keys, which stand one after another."""
    lengths = f"arrayMap(e -> length(e), {keys})"
    return f"arrayMap((e, past) -> arraySlice({texts}, {before} + past - e + 1, e), {lengths}, arrayCumSum({lengths}))"
