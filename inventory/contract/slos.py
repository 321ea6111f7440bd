"""The wire of service level objectives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from inventory.contract import Moment, Wire
from inventory.contract.words import Flag, Given, Slug

OpenSlo = Annotated[
    dict[str, Any],
    Field(
        description="A document of OpenSLO v1, kind SLO",
        examples=[
            {
                "apiVersion": "openslo/v1",
                "kind": "SLO",
                "metadata": {"name": "drafter-available"},
                "spec": {
                    "service": "support-drafter",
                    "indicator": {
                        "spec": {
                            "ratioMetric": {
                                "good": {"metricSource": {"type": "Muster", "spec": {"indicator": "availability"}}},
                                "total": {"metricSource": {"type": "Muster", "spec": {"indicator": "availability"}}},
                            }
                        }
                    },
                    "timeWindow": [{"duration": "30d", "isRolling": True}],
                    "objectives": [{"target": 0.99}],
                },
            }
        ],
    ),
]


class SloGiven(Given):
    """An objective. Without alert policies it gets those of the SRE Workbook, scaled to its window."""

    openslo: OpenSlo


class SloText(Given):
    """A YAML text of OpenSLO documents, which may refer to each other. `replace`: also those that are there."""

    text: Annotated[str, Field(min_length=1, max_length=262_144, pattern=r"^[^\x00]*$")]
    replace: Flag = False


class SloAlert(Wire):
    """It fires while more than `fires_above` of the events fail, over the long window and over the short one."""

    burn: str
    long: Annotated[str, Field(examples=["1h"])]
    short: Annotated[str, Field(examples=["5m"])]
    severity: Literal["page", "ticket"]
    fires_above: Annotated[str, Field(description="Share of events, exact", examples=["0.144"])]


class Slo(Wire):
    """An objective of an agent."""

    id: Slug
    agent: Slug
    revision: int
    indicator: str
    counts: Annotated[str, Field(description="What is good, and of what")]
    target: str | None
    value: str | None
    window: str
    minimum_events: int
    alerts: list[SloAlert]
    openslo: OpenSlo
    created_at: Moment
    updated_at: Moment


class SloPage(Wire):
    """`next` is the cursor of the following page, null on the last one."""

    slos: list[Slo]
    next: str | None = None


class SloImported(Wire):
    """By id, what became of each."""

    created: list[str]
    updated: list[str]
    unchanged: list[str]
