"""Figures and moments as sentences say them. Times are UTC."""

from __future__ import annotations

from datetime import datetime

from inventory.contract.incidents import Unit


def number(value: float, unit: Unit) -> str:
    """41 %, 2.7 s, $0.42, 58 an hour."""
    if unit == "share":
        percent = value * 100
        return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"
    if unit == "ns":
        return duration(value)
    if unit == "usd":
        return f"${value:,.2f}" if value >= 0.1 else f"${value:.2g}" if value >= 1e-4 else f"${value:.1e}"
    return f"{value:,.0f} an hour"


def duration(ns: float) -> str:
    seconds = ns / 1e9
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def moment(when: datetime, now: datetime) -> str:
    """The day is said where it isn't today."""
    day = "" if when.date() == now.date() else f"{when:%Y-%m-%d} "
    return f"{day}{when:%H:%M} UTC"


def listed(names: list[str], most: int = 3) -> str:
    """a, b and c; a, b and 4 more."""
    shown = names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def times(rise: float) -> str:
    """+45 % up to twice as much, then 3.2×."""
    return f"+{(rise - 1) * 100:.0f} %" if rise < 2 else f"{rise:.2g}×"
