"""Why a trace costs more: more calls, more tokens in each, a dearer model; and whose calls they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from collector.store.health import Figures, Slot, Subject
from inventory.incidents import saying
from inventory.incidents.deviations import added


@dataclass(frozen=True, slots=True)
class Driver:
    """The factor that grew most. cost per trace = calls per trace × tokens per call × price per token."""

    factor: str
    rise: float
    agent: str
    model: str

    @property
    def sentence(self) -> str:
        whose = f" of {self.agent}" if self.agent else ""
        by = f" to {self.model}" if self.model else ""
        said = {
            "calls": f"model calls per trace{by}{whose} rose {saying.times(self.rise)}",
            "input": f"input tokens per call{by}{whose} rose {saying.times(self.rise)}",
            "output": f"output tokens per call{by}{whose} rose {saying.times(self.rise)}",
            "price": f"the price per token{whose} rose {saying.times(self.rise)}"
            + (f": more of it goes to {self.model}" if self.model else ""),
        }
        return said[self.factor]


def driver(figures: Mapping[Subject, Figures], last: int) -> Driver | None:
    """Of one workflow's traces, by agent and by model; None where figures don't tell."""
    whole = figures.get(Subject("all"))
    if whole is None:
        return None
    now, before = whole.at(last), added([whole.at(number) for number in range(last)])
    factors = {name: _rise(_factor(name, now), _factor(name, before)) for name in ("calls", "input", "output", "price")}
    # Input and output tokens count as far as they are in the bill: the price per token has their mix in it.
    tokens = before.input_tokens + before.output_tokens
    weight = {
        "input": before.input_tokens / tokens if tokens else 0,
        "output": 1 - before.input_tokens / tokens if tokens else 0,
    }
    strength = {name: log(rise) * weight.get(name, 1.0) for name, rise in factors.items() if rise and rise > 0}
    if not strength:
        return None
    name = max(strength, key=lambda factor: strength[factor])
    if strength[name] <= 0.05:
        return None
    agent = _most("agent", figures, last, now.events, before.events)
    model = _most("model", figures, last, now.events, before.events)
    return Driver(name, factors[name] or 1.0, agent, model)


def _factor(name: str, slot: Slot) -> float | None:
    parts: dict[str, tuple[float, float]] = {
        "calls": (slot.calls, slot.events),
        "input": (slot.input_tokens, slot.calls),
        "output": (slot.output_tokens, slot.calls),
        "price": (float(slot.cost), slot.input_tokens + slot.output_tokens),
    }
    above, below = parts[name]
    return above / below if below else None


def _rise(now: float | None, before: float | None) -> float | None:
    return now / before if now and before else None


def _most(kind: str, figures: Mapping[Subject, Figures], last: int, events: int, events_before: int) -> str:
    """Whose cost per trace grew most, if most of the growth is theirs."""
    growth = {
        subject.name: float(own.at(last).cost) / max(events, 1)
        - float(added([own.at(number) for number in range(last)]).cost) / max(events_before, 1)
        for subject, own in figures.items()
        if subject.kind == kind
    }
    total = sum(value for value in growth.values() if value > 0)
    if not total:
        return ""
    name = max(growth, key=lambda one: growth[one])
    return name if growth[name] >= total / 2 else ""
