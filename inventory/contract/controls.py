"""The wire of the control report."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from inventory.contract import Count, Moment, Wire

Result = Literal["pass", "fail", "not-assessed"]


class Check(Wire):
    """What was looked at for a control. `rows`: what it rests on, `query`: how it can be asked again."""

    name: str
    says: str
    result: Result
    query: str
    rows: list[dict[str, str]]
    more: Annotated[Count, Field(description="Rows that are not shown")] = 0


class Control(Wire):
    """Of NIST SP 800-53 Rev. 5. `result`: fail if any check failed, not-assessed if none could be made."""

    id: Annotated[str, Field(examples=["AC-6"])]
    title: str
    result: Result
    why: str
    checks: list[Check]


class ControlReport(Wire):
    as_of: Moment
    since: Moment
    until: Moment
    org: str
    counts: dict[str, int]
    controls: list[Control]
    digest: Annotated[str, Field(description="SHA-256 of the controls")]
