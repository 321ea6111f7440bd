"""OpenSLO v1, as much of it as an objective needs (github.com/OpenSLO/OpenSLO, specification v1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from inventory.slos.durations import Duration


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Metadata(_Part):
    name: Annotated[str, Field(max_length=200)]
    displayName: Annotated[str, Field(max_length=200)] = ""  # noqa: N815 (OpenSLO's)
    labels: dict[str, str | list[str]] = {}
    annotations: dict[str, str] = {}


class MetricSource(_Part):
    type: str = ""
    metricSourceRef: str = ""  # noqa: N815
    spec: dict[str, Any] = {}


class Metric(_Part):
    metricSource: MetricSource  # noqa: N815


class RatioMetric(_Part):
    counter: bool = False
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    rawType: str = ""  # noqa: N815
    raw: Metric | None = None


class SliSpec(_Part):
    description: str = ""
    ratioMetric: RatioMetric | None = None  # noqa: N815
    thresholdMetric: Metric | None = None  # noqa: N815


class InlineSli(_Part):
    metadata: Metadata | None = None
    spec: SliSpec


class Sli(_Part):
    apiVersion: Literal["openslo/v1"]  # noqa: N815
    kind: Literal["SLI"]
    metadata: Metadata
    spec: SliSpec


class TimeWindow(_Part):
    duration: Duration
    isRolling: bool = True  # noqa: N815
    calendar: dict[str, Any] | None = None


class Objective(_Part):
    displayName: str = ""  # noqa: N815
    op: Literal["lte", "gte", "lt", "gt"] | None = None
    value: Decimal | None = None
    target: Decimal | None = None
    targetPercent: Decimal | None = None  # noqa: N815
    timeSliceTarget: Decimal | None = None  # noqa: N815
    timeSliceWindow: str | None = None  # noqa: N815
    indicator: Any = None
    indicatorRef: str | None = None  # noqa: N815
    compositeWeight: Decimal | None = None  # noqa: N815


class Condition(_Part):
    kind: Literal["burnrate"]
    op: Literal["lte", "gte", "lt", "gt"] = "gte"
    threshold: Decimal
    lookbackWindow: Duration  # noqa: N815
    alertAfter: str = ""  # noqa: N815


class AlertConditionSpec(_Part):
    description: str = ""
    severity: str
    condition: Condition


class AlertCondition(_Part):
    apiVersion: str = ""  # noqa: N815
    kind: Literal["AlertCondition"] = "AlertCondition"
    metadata: Metadata | None = None
    spec: AlertConditionSpec


class ConditionRef(_Part):
    conditionRef: str  # noqa: N815


class AlertPolicySpec(_Part):
    description: str = ""
    alertWhenNoData: bool = False  # noqa: N815
    alertWhenResolved: bool = False  # noqa: N815
    alertWhenBreaching: bool = True  # noqa: N815
    conditions: list[ConditionRef | AlertCondition]
    notificationTargets: list[Any] = []  # noqa: N815


class AlertPolicy(_Part):
    apiVersion: str = ""  # noqa: N815
    kind: Literal["AlertPolicy"] = "AlertPolicy"
    metadata: Metadata | None = None
    spec: AlertPolicySpec


class PolicyRef(_Part):
    alertPolicyRef: str  # noqa: N815


class SloSpec(_Part):
    description: str = ""
    service: str
    indicator: InlineSli | None = None
    indicatorRef: str | None = None  # noqa: N815
    timeWindow: Annotated[list[TimeWindow], Field(min_length=1, max_length=1)]  # noqa: N815
    budgetingMethod: str = "Occurrences"  # noqa: N815
    objectives: Annotated[list[Objective], Field(min_length=1)]
    alertPolicies: list[PolicyRef | AlertPolicy] = []  # noqa: N815


class SloDocument(_Part):
    apiVersion: Literal["openslo/v1"]  # noqa: N815
    kind: Literal["SLO"]
    metadata: Metadata
    spec: SloSpec


class MusterMetric(_Part):
    """`spec` of a metricSource of type Muster. `count`: good or total, of a ratio."""

    indicator: str
    threshold_ms: int | None = None
    minimum_events: int = 1
    environment: str = ""
    release: str = ""
    operation: str = ""
    tool: str = ""
    count: Literal["good", "total", ""] = ""
