"""Objectives as OpenSLO v1, in and out. What can't be meant here is refused with its place and a way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from inventory.slos import burn, yaml_text
from inventory.slos.definition import RATIOS, Alert, Slo
from inventory.slos.documents import (
    AlertCondition,
    AlertPolicy,
    ConditionRef,
    Metric,
    MusterMetric,
    PolicyRef,
    Sli,
    SliSpec,
    SloDocument,
)
from inventory.slos.durations import parsed, written

SOURCE: Final = "Muster"
_SHORT: Final = "muster.dev/short-window"
_ASIDE: Final = ("Service", "DataSource", "AlertNotificationTarget")
_SEVERITIES: Final[dict[str, Any]] = {"page": "page", "critical": "page", "high": "page", "ticket": "ticket",
                                      "warning": "ticket", "low": "ticket"}  # fmt: skip
_Part = TypeVar("_Part", bound=BaseModel)


class SloError(ValueError):
    """`problems`: (place, message, remedy) of each."""

    def __init__(self, *problems: tuple[str, str, str]) -> None:
        super().__init__("; ".join(f"{place}: {message}" for place, message, _ in problems))
        self.problems: Sequence[tuple[str, str, str]] = problems


def read(text: str) -> list[Slo]:
    """Every objective of a YAML text. Raises SloError."""
    try:
        return read_documents(yaml_text.documents(text))
    except SloError:
        raise
    except ValueError as error:
        raise SloError(("", str(error), "mend the text")) from None


def read_documents(documents: Sequence[Any]) -> list[Slo]:
    """Every objective of documents, which may refer to each other by name. Raises SloError."""
    named: dict[tuple[str, str], tuple[str, Any]] = {}
    slos: list[tuple[str, SloDocument]] = []
    for number, document in enumerate(documents):
        place = f"documents[{number}]"
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind == "SLO":
            slos.append((place, _parsed(SloDocument, document, place)))
        elif kind in ("SLI", "AlertPolicy", "AlertCondition"):
            model: Any = {"SLI": Sli, "AlertPolicy": AlertPolicy, "AlertCondition": AlertCondition}[kind]
            part = _parsed(model, document, place)
            if part.metadata is None:
                raise SloError((f"{place}.metadata", "it has no name to be referred to by", "add metadata.name"))
            named[kind, part.metadata.name] = place, part
        elif kind not in _ASIDE:
            raise SloError((f"{place}.kind", f"{kind!r} is no kind of OpenSLO v1", "use SLO, SLI, AlertPolicy, …"))
    if not slos:
        raise SloError(("", "there is no document of kind SLO", "add one"))
    return [_slo(document, place, named) for place, document in slos]


def write(slos: Sequence[Slo]) -> str:
    """As YAML, one document for each."""
    return yaml.safe_dump_all([document(slo) for slo in slos], sort_keys=False, allow_unicode=True)


def document(slo: Slo) -> dict[str, Any]:
    """An objective as a document of kind SLO; read again it is the same."""
    muster = {"indicator": slo.indicator, "threshold_ms": slo.threshold_ms, **slo.only.model_dump()}
    if slo.minimum_events != 1:
        muster["minimum_events"] = slo.minimum_events
    spec = {name: value for name, value in muster.items() if value not in (None, "")}

    def metric(count: str) -> dict[str, Any]:
        return {"metricSource": {"type": SOURCE, "spec": {**spec, **({"count": count} if count else {})}}}

    if slo.indicator in RATIOS:
        sli: dict[str, Any] = {"ratioMetric": {"counter": False, "good": metric("good"), "total": metric("total")}}
        objective = {"target": _plain(slo.target)}
    else:
        sli = {"thresholdMetric": metric("")}
        objective = {"op": "lte", "value": _plain(slo.value)}
    metadata: dict[str, Any] = {"name": slo.id}
    if slo.display_name:
        metadata["displayName"] = slo.display_name
    if slo.labels:
        metadata["labels"] = slo.labels
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": metadata,
        "spec": {
            "description": slo.description,
            "service": slo.agent,
            "indicator": {"metadata": {"name": slo.indicator}, "spec": sli},
            "timeWindow": [{"duration": written(slo.window), "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [objective],
            "alertPolicies": [_policy(slo, number, alert) for number, alert in enumerate(slo.alerts, start=1)],
        },
    }


def _policy(slo: Slo, number: int, alert: Alert) -> dict[str, Any]:
    condition = {
        "kind": "burnrate", "op": "gte", "threshold": _plain(alert.burn), "lookbackWindow": written(alert.long),
        "alertAfter": "0m",
    }  # fmt: skip
    name = f"{slo.id}-{alert.severity}-{number}"
    return {
        "kind": "AlertPolicy",
        "metadata": {"name": name},
        "spec": {
            "conditions": [
                {
                    "kind": "AlertCondition",
                    "metadata": {"name": name, "annotations": {_SHORT: written(alert.short)}},
                    "spec": {"severity": alert.severity, "condition": condition},
                }
            ],
            "notificationTargets": [],
        },
    }


def _plain(number: Decimal | None) -> float | int | str:
    """A number, where it is the same decimal when it is read again; its text otherwise."""
    assert number is not None
    if number == number.to_integral_value() and abs(number) < 2**53:
        return int(number)
    return float(number) if Decimal(repr(float(number))) == number else format(number, "f")


def _slo(given: SloDocument, place: str, named: Mapping[tuple[str, str], tuple[str, Any]]) -> Slo:
    spec, at = given.spec, f"{place}.spec"
    if spec.budgetingMethod != "Occurrences":
        raise SloError((f"{at}.budgetingMethod", f"{spec.budgetingMethod} is not evaluated here",
                        "use Occurrences: every event counts once"))  # fmt: skip
    window = spec.timeWindow[0]
    if window.calendar is not None or not window.isRolling:
        raise SloError((f"{at}.timeWindow[0]", "calendar windows are not evaluated here", "use isRolling: true"))
    if len(spec.objectives) != 1:
        raise SloError((f"{at}.objectives", "more than one objective", "make an SLO of each"))
    sli, sli_at = _sli(given, at, named)
    metric = _metric(sli, sli_at)
    objective = spec.objectives[0]
    target = objective.target
    if target is None and objective.targetPercent is not None:
        target = objective.targetPercent / 100
    for name in ("timeSliceTarget", "timeSliceWindow", "indicator", "indicatorRef", "compositeWeight"):
        if getattr(objective, name) is not None:
            raise SloError((f"{at}.objectives[0].{name}", "it is not evaluated here", "leave it out"))
    if objective.op not in (None, "lte"):
        raise SloError((f"{at}.objectives[0].op", f"{objective.op} is not evaluated here", "use lte"))
    alerts = [alert for number, one in enumerate(spec.alertPolicies)
              for alert in _alerts(one, f"{at}.alertPolicies[{number}]", named)]  # fmt: skip
    values = {
        "id": given.metadata.name,
        "agent": spec.service,
        "display_name": given.metadata.displayName,
        "description": spec.description,
        "indicator": metric.indicator,
        "threshold_ms": metric.threshold_ms,
        "only": metric.model_dump(include={"environment", "release", "operation", "tool"}),
        "target": target,
        "value": objective.value,
        "window": window.duration,
        "minimum_events": metric.minimum_events,
        "alerts": alerts,
        "labels": {
            name: ",".join(one) if isinstance(one, list) else one for name, one in given.metadata.labels.items()
        },
    }
    slo = _parsed(Slo, values, place)
    if not slo.alerts and slo.indicator in RATIOS:
        slo = slo.model_copy(update={"alerts": burn.default_alerts(slo.window)})
    wrong = [(f"{place}.{name}", message, remedy) for name, message, remedy in burn.problems(slo)]
    if wrong:
        raise SloError(*wrong)
    return slo


def _sli(given: SloDocument, at: str, named: Mapping[tuple[str, str], tuple[str, Any]]) -> tuple[SliSpec, str]:
    if given.spec.indicator is not None:
        return given.spec.indicator.spec, f"{at}.indicator.spec"
    if given.spec.indicatorRef is None:
        raise SloError((f"{at}.indicator", "there is none", "add one, or indicatorRef with the name of an SLI"))
    place, sli = _named(named, "SLI", given.spec.indicatorRef, f"{at}.indicatorRef")
    return sli.spec, f"{place}.spec"


def _metric(sli: SliSpec, at: str) -> MusterMetric:
    """What is measured: the same of good and total."""
    if sli.thresholdMetric is not None:
        return _muster(sli.thresholdMetric, f"{at}.thresholdMetric")
    ratio = sli.ratioMetric
    if ratio is None or ratio.good is None or ratio.total is None:
        raise SloError((f"{at}.ratioMetric", "it needs good and total", f"give both, of type {SOURCE}"))
    good, total = (_muster(one, f"{at}.ratioMetric.{name}") for name, one in
                   (("good", ratio.good), ("total", ratio.total)))  # fmt: skip
    if good.model_copy(update={"count": ""}) != total.model_copy(update={"count": ""}):
        raise SloError((f"{at}.ratioMetric", "good and total are of two indicators", "name the same one in both"))
    return good


def _muster(metric: Metric, at: str) -> MusterMetric:
    source = metric.metricSource
    if source.type != SOURCE:
        raise SloError((f"{at}.metricSource.type", f"{source.type or 'nothing'!r} can't be asked here: the figures are "
                        "those of this Muster", f"use type: {SOURCE} with spec.indicator"))  # fmt: skip
    return _parsed(MusterMetric, source.spec, f"{at}.metricSource.spec")


def _alerts(
    given: PolicyRef | AlertPolicy, at: str, named: Mapping[tuple[str, str], tuple[str, Any]]
) -> list[dict[str, Any]]:
    if isinstance(given, PolicyRef):
        at, given = _named(named, "AlertPolicy", given.alertPolicyRef, f"{at}.alertPolicyRef")
    assert isinstance(given, AlertPolicy)
    found = []
    for number, one in enumerate(given.spec.conditions):
        place = f"{at}.spec.conditions[{number}]"
        if isinstance(one, ConditionRef):
            place, one = _named(named, "AlertCondition", one.conditionRef, f"{place}.conditionRef")
        assert isinstance(one, AlertCondition)
        severity = _SEVERITIES.get(one.spec.severity.lower())
        if severity is None:
            raise SloError((f"{place}.spec.severity", f"{one.spec.severity!r} is not known", "use page or ticket"))
        condition = one.spec.condition
        if condition.op not in ("gte", "gt"):
            raise SloError((f"{place}.spec.condition.op", "a burn rate alerts when it is high", "use gte"))
        short = one.metadata.annotations.get(_SHORT) if one.metadata else None
        try:
            found.append({
                "burn": condition.threshold, "long": condition.lookbackWindow, "severity": severity,
                "short": parsed(short) if short else max(condition.lookbackWindow / 12, parsed("1m")),
            })  # fmt: skip
        except ValueError as error:
            raise SloError((f"{place}.metadata.annotations.{_SHORT}", str(error), "write it as in 5m")) from None
    return found


def _named(named: Mapping[tuple[str, str], tuple[str, Any]], kind: str, name: str, at: str) -> tuple[str, Any]:
    if (kind, name) not in named:
        raise SloError((at, f"there is no {kind} named {name!r} among the documents", "add it to the same text"))
    return named[kind, name]


def _parsed(model: type[_Part], given: Any, place: str) -> _Part:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise SloError(
            *(
                (".".join([place, *(str(part) for part in one["loc"])]), str(one["msg"]), "see OpenSLO v1")
                for one in error.errors()[:10]
            )
        ) from None
