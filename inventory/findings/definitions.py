"""Findings as they are written: one `.sql` file each, whose first lines say what it means.

-- title: what people read               -- severity: critical, high, medium or low
-- controls: of NIST SP 800-53           -- remedy: what to do
-- why: what is wrong about it           -- of: traces (if nothing is said), or agents: of these all are asked each time
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

SEVERITIES: Final = ("critical", "high", "medium", "low")
_LINE = re.compile(r"^-- (\w+): (.+)$")
_NEEDED: Final = {"title", "severity", "controls", "remedy", "why"}


class DefinitionError(Exception):
    """A file that can't be one."""


@dataclass(frozen=True, slots=True)
class Definition:
    """`sql` selects Key, Agent, TraceId, SpanId, At, Details from what `prepared/` makes."""

    name: str
    title: str
    severity: str
    controls: tuple[str, ...]
    remedy: str
    why: str
    of: Literal["traces", "agents"]
    sql: str


@cache
def definitions() -> Mapping[str, Definition]:
    """By name. Raises DefinitionError."""
    folder = resources.files(__package__)
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return {name[:-4]: _read(name[:-4], folder.joinpath(name).read_text()) for name in files}


@cache
def prepared() -> Mapping[str, str]:
    """Statements that make what findings are asked of, in order, by the table that each makes."""
    folder = resources.files(__package__).joinpath("prepared")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return {name.partition("_")[2][:-4]: folder.joinpath(name).read_text() for name in files}


def _read(name: str, text: str) -> Definition:
    said: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            break
        said[found[1]] = found[2].strip()
    if missing := _NEEDED - said.keys():
        raise DefinitionError(f"{name}.sql doesn't say its {', '.join(sorted(missing))}")
    if said["severity"] not in SEVERITIES:
        raise DefinitionError(f"{name}.sql: severity must be one of {', '.join(SEVERITIES)}")
    of = said.get("of", "traces")
    if of not in ("traces", "agents"):
        raise DefinitionError(f"{name}.sql: of must be traces or agents")
    controls = tuple(part.strip() for part in said["controls"].split(","))
    return Definition(
        name, said["title"], said["severity"], controls, said["remedy"], said["why"],
        "agents" if of == "agents" else "traces", text,
    )  # fmt: skip
