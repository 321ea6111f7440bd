"""The arithmetic of burn rates (The Site Reliability Workbook, chapter 5, "Alerting on SLOs").

A burn rate of 1 spends the error budget exactly within the window; an alert fires while the rate of errors is above
burn × (1 − target).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final, Literal

from inventory.slos.definition import RATIOS, WITH_THRESHOLD, Alert, Slo
from inventory.slos.durations import written

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_MONTH: Final = 30 * _DAY
_TABLE: Final[list[tuple[Decimal, timedelta, timedelta, Literal["page", "ticket"]]]] = [
    (Decimal("0.02"), _HOUR, timedelta(minutes=5), "page"),
    (Decimal("0.05"), 6 * _HOUR, timedelta(minutes=30), "page"),
    (Decimal("0.10"), _DAY, 2 * _HOUR, "ticket"),
    (Decimal("0.10"), 3 * _DAY, 6 * _HOUR, "ticket"),
]
"""Share of the budget that is spent when the alert fires, windows, severity: burn rates 14.4, 6, 3 and 1 in 30 days."""
_SHORTEST_SCALED: Final = 7 * _DAY


def default_alerts(window: timedelta) -> list[Alert]:
    """The workbook's alerts for a window: each fires when the same share of the budget is spent.

    For a week and more the windows stay and the burn rates are scaled, without those below 1, at which the budget would
    last. For less the burn rates stay and the windows are scaled, to minutes.
    """
    if window >= _SHORTEST_SCALED:
        scaled = [
            Alert(burn=share * Decimal(window // timedelta(minutes=1)) / Decimal(long // timedelta(minutes=1)),
                  long=long, short=short, severity=severity)
            for share, long, short, severity in _TABLE
        ]  # fmt: skip
        return [alert for alert in scaled if alert.burn >= 1 and alert.long < window]
    factor = window / _MONTH
    return [
        Alert(burn=share * Decimal(_MONTH // _HOUR) / Decimal(long // _HOUR), long=_minutes(long * factor),
              short=_minutes(short * factor), severity=severity)
        for share, long, short, severity in _TABLE
        if _minutes(short * factor) < _minutes(long * factor)
    ]  # fmt: skip


def fires_above(slo: Slo, alert: Alert) -> Decimal:
    """The share of errors above which the alert fires."""
    assert slo.target is not None
    return alert.burn * (1 - slo.target)


def problems(slo: Slo) -> Iterator[tuple[str, str, str]]:
    """What makes a definition useless: (field, message, remedy). None: it can be kept."""
    yield from _members(slo)
    if slo.target is None or slo.indicator not in RATIOS:
        return
    for number, alert in enumerate(slo.alerts):
        name = f"alerts.{number}"
        if alert.short >= alert.long:
            yield (
                name,
                f"its short window {written(alert.short)} is not shorter than {written(alert.long)}",
                ("use a twelfth of the long one"),
            )
        if alert.long >= slo.window:
            yield (
                name,
                f"it looks back {written(alert.long)}, and the objective's window is {written(slo.window)}",
                ("use a shorter long window"),
            )
        needed = fires_above(slo, alert)
        if needed >= 1:
            lowest = 1 - 1 / alert.burn
            yield (
                name,
                (
                    f"burn {_short(alert.burn)} × (1 − {format(slo.target, 'f')}) = {_short(needed)} ≥ 1: even if "
                    "every event failed, this alert would not fire"
                ),
                f"use a target above {_short(lowest)}, or a burn rate below {_short(1 / (1 - slo.target))}",
            )


def _members(slo: Slo) -> Iterator[tuple[str, str, str]]:
    ratio = slo.indicator in RATIOS
    if ratio and slo.target is None:
        yield "target", f"{slo.indicator} is a ratio and needs a target", "say one between 0 and 1, such as 0.99"
    if ratio and slo.value is not None:
        yield "value", f"{slo.indicator} is a ratio and has no value", "say a target instead"
    if not ratio and slo.value is None:
        yield "value", f"{slo.indicator} needs the value that it must not exceed", "say one, such as 0"
    if not ratio and slo.target is not None:
        yield "target", f"{slo.indicator} is no ratio and has no target", "say a value instead"
    if not ratio and slo.alerts:
        yield (
            "alerts",
            f"{slo.indicator} has no error budget that could burn",
            "leave them out: above the value it pages",
        )
    if (slo.indicator in WITH_THRESHOLD) != (slo.threshold_ms is not None):
        said = "needs" if slo.indicator in WITH_THRESHOLD else "has no"
        yield "threshold_ms", f"{slo.indicator} {said} threshold", "milliseconds, for latency and time-to-resolution"
    if not timedelta(hours=1) <= slo.window <= timedelta(days=366):
        yield "window", f"{written(slo.window)} is not between 1h and 366d", "use 30d, or 28d for whole weeks"


def _minutes(length: timedelta) -> timedelta:
    """Rounded up to whole minutes."""
    return -(-length // timedelta(minutes=1)) * timedelta(minutes=1)


def _short(number: Decimal) -> str:
    return format(round(number, 6).normalize(), "f")
