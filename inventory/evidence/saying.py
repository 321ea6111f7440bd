"""How answers are put: from sources, the weakest of which says how well it is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from inventory import contract
from inventory.contract.evidence import Answer, Source, SourceKind, Standing

SHOWN: Final = 12
"""Sources of one answer that are told; the rest is counted."""
_WEAKEST: Final[tuple[Standing, ...]] = ("missing", "claimed", "verified", "not-needed")


def weakest(standings: Iterable[Standing]) -> Standing:
    return min(standings, key=_WEAKEST.index, default="missing")


def answered(
    question: str, asks: str, standing: Standing, answer: str, sources: Sequence[Source], missing: Sequence[str] = ()
) -> Answer:
    weakest_first = sorted(sources, key=lambda one: _WEAKEST.index(one.standing)) if len(sources) > SHOWN else sources
    return Answer(
        question=question, asks=asks, standing=standing, answer=answer, sources=list(weakest_first[:SHOWN]),
        more=max(0, len(sources) - SHOWN), missing=list(missing),
    )  # fmt: skip


def of_span(span: contract.Span, standing: Standing, says: str) -> Source:
    return Source(kind="span", id=span.span_id, standing=standing, says=says, at=span.start)


def source(kind: SourceKind, name: str, standing: Standing, says: str) -> Source:
    return Source(kind=kind, id=name, standing=standing, says=says)


def listed(names: Iterable[str]) -> str:
    known = [name or "nobody known" for name in names]
    return ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def short(name: str) -> str:
    return name.removeprefix("sha256:")[:12]
