"""How figures are written: durations, counts, moments. UTC first, the reader's zone second."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inventory import contract
from inventory.contract import agents

UNKNOWN = "–"
HEALTH: dict[contract.Health, str] = {"failed": "✕ failed", "errors": "▲ errors inside", "ok": "✓ no errors"}
"""Icon and word, never colour alone."""
AGENT: dict[agents.State, str] = {
    "active": "● active",
    "draft": "○ draft",
    "disabled": "■ disabled",
    "retired": "✕ retired",
}
CASE = {
    "candidate": "watched",
    "noticed": "the owner was told",
    "reminded": "the owner was reminded",
    "final": "the last warning was sent",
    "disabled": "disabled, undo is one step",
    "credentials-revoked": "credentials revoked",
    "triggers-removed": "triggers removed",
    "archived": "archived",
    "retired": "retired",
    "restored": "restored",
    "attested": "kept by its owner",
    "exempt": "exempt",
}
"""States of lifecycle cases, as people say them."""


def duration(ns: int) -> str:
    """Three digits that matter: 850 µs, 12.4 ms, 2.67 s, 3 min 05 s, 2 h 14 min."""
    if ns < 1_000:
        return f"{ns} ns" if ns else "0"
    for unit, size in (("µs", 1e3), ("ms", 1e6), ("s", 1e9)):
        value = ns / size
        if value < (59.95 if unit == "s" else 999.5):
            return f"{value:.3g} {unit}"
    seconds = round(ns / 1e9)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 2 * 1440:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def count(number: int | None) -> str:
    """With thousands apart; what is unknown is a dash, never 0."""
    return UNKNOWN if number is None else f"{number:,}"


def money(usd: Decimal | None) -> str:
    """Two digits that matter after the cents: $12.34, $0.00021; what is unknown is a dash, never $0."""
    if usd is None:
        return UNKNOWN
    digits = 2 if usd == 0 or usd >= 1 else max(2, 1 - usd.adjusted())
    return f"${usd:,.{digits}f}"


def size(number: int) -> str:
    """12.3 MB; powers of ten."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def share(value: float) -> str:
    """41 %, 1.2 %, 0.05 %, 0 %."""
    percent = value * 100
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"


def bill(known: Decimal | None, unpriced: int) -> str:
    """What calls cost, with what that leaves out."""
    if known is None:
        return f"unpriced ({plural(unpriced, 'call')})"
    return f"{money(known)} and {plural(unpriced, 'unpriced call')}" if unpriced else money(known)


def release(name: str, version: str = "") -> str:
    """By its version, or by the beginning of its digest."""
    return version or name.removeprefix("sha256:")[:12]


def cost(trace: contract.Trace) -> str:
    """What its model calls cost, with what that leaves out."""
    if not trace.sealed:
        return "not worked out yet"
    if not trace.model_calls:
        return "no model call"
    return bill(trace.cost, trace.unpriced_calls or 0)


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def zone(name: str | None) -> tzinfo:
    """The reader's zone; UTC where the browser didn't say, or said something unknown."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def moment(when: datetime, reader: tzinfo = UTC) -> str:
    """2026-03-02 02:14:07 UTC (03:14:07 CET)."""
    utc = when.astimezone(UTC)
    text = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    local = utc.astimezone(reader)
    if local.utcoffset() == utc.utcoffset():
        return text
    day = "" if local.date() == utc.date() else f"{local:%Y-%m-%d} "
    return f"{text} ({day}{local:%H:%M:%S %Z})"


def window_of(since: datetime, until: datetime, reader: tzinfo = UTC) -> str:
    """As `window`, of two moments."""
    return window(contract.Window(since=since, until=until), reader)


def window(span: contract.Window, reader: tzinfo = UTC) -> str:
    """Both ends, the day said once where it is one."""
    since, until = span.since.astimezone(UTC), span.until.astimezone(UTC)
    end = f"{until:%H:%M}" if since.date() == until.date() else f"{until:%Y-%m-%d %H:%M}"
    text = f"{since:%Y-%m-%d %H:%M} to {end} UTC"
    local = since.astimezone(reader), until.astimezone(reader)
    if local[0].utcoffset() == since.utcoffset():
        return text
    start = f"{local[0]:%H:%M}" if since.date() == until.date() == local[0].date() else f"{local[0]:%Y-%m-%d %H:%M}"
    end = f"{local[1]:%H:%M %Z}" if local[0].date() == local[1].date() else f"{local[1]:%Y-%m-%d %H:%M %Z}"
    return f"{text} ({start} to {end})"


def ago(when: datetime, now: datetime) -> str:
    seconds = (now - when).total_seconds()
    if seconds < 0:
        return "in the future"
    return f"{duration(int(seconds) * 1_000_000_000)} ago" if seconds >= 1 else "just now"


def until(when: datetime, now: datetime) -> str:
    """in 3 d 4 h; or since when it is due."""
    seconds = (when - now).total_seconds()
    if seconds >= 1:
        return f"in {duration(int(seconds) * 1_000_000_000)}"
    return "due now" if seconds > -60 else f"due since {duration(int(-seconds) * 1_000_000_000)}"


def escaped(text: str) -> str:
    """Somebody's text where Streamlit reads Markdown."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>()#+-.!|~$:" else character for character in text)


def shorter(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
