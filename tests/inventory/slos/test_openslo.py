"""Objectives in OpenSLO: what is written is read again, and what can't be meant is refused with its place."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.slos import burn, yaml_text
from inventory.slos.definition import INDICATORS, RATIOS, WITH_THRESHOLD, Alert, Only, Slo
from inventory.slos.openslo import SloError, document, read, read_documents, write

SOURCE = {"metricSource": {"type": "Muster", "spec": {"indicator": "availability"}}}
MINIMAL: dict[str, Any] = {
    "apiVersion": "openslo/v1",
    "kind": "SLO",
    "metadata": {"name": "drafter-available"},
    "spec": {
        "service": "drafter",
        "indicator": {"spec": {"ratioMetric": {"good": SOURCE, "total": SOURCE}}},
        "timeWindow": [{"duration": "30d", "isRolling": True}],
        "objectives": [{"target": 0.99}],
    },
}

_names = st.text("abz-09", min_size=1, max_size=20).map(lambda text: f"a{text}z")
_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
_windows = st.integers(1, 12).map(lambda weeks: timedelta(weeks=weeks)) | st.just(timedelta(days=1))


@st.composite
def slos(draw: st.DrawFn) -> Slo:
    indicator = draw(st.sampled_from(sorted(INDICATORS)))
    ratio = indicator in RATIOS
    window = draw(_windows)
    target = draw(st.decimals("0.95", "0.99999", places=5)) if ratio else None
    alerts = burn.default_alerts(window) if ratio else []
    return Slo.model_validate(
        {
            "id": draw(_names), "agent": draw(_names), "display_name": draw(_texts), "description": draw(_texts),
            "indicator": indicator, "target": target,
            "value": None if ratio else draw(st.decimals(0, 1000, places=draw(st.integers(0, 12)))),
            "threshold_ms": draw(st.integers(1, 10**9)) if indicator in WITH_THRESHOLD else None,
            "only": Only(environment=draw(_texts), tool=draw(_texts)), "window": window, "alerts": alerts,
            "minimum_events": draw(st.integers(1, 1000)), "labels": draw(st.dictionaries(_names, _texts, max_size=2)),
        }
    )  # fmt: skip


@given(slos())
def test_what_is_written_is_read_again(slo: Slo) -> None:
    if any(burn.problems(slo)):
        return
    assert read(write([slo])) == [slo]
    assert read_documents([document(slo)]) == [slo]
    assert Slo.model_validate(slo.model_dump(mode="json")) == slo


def test_a_definition_without_alerts_gets_the_workbooks() -> None:
    (slo,) = read(json.dumps(MINIMAL))
    assert [(alert.burn, alert.long, alert.short, alert.severity) for alert in slo.alerts] == [
        (Decimal("14.4"), timedelta(hours=1), timedelta(minutes=5), "page"),
        (Decimal(6), timedelta(hours=6), timedelta(minutes=30), "page"),
        (Decimal(3), timedelta(days=1), timedelta(hours=2), "ticket"),
        (Decimal(1), timedelta(days=3), timedelta(hours=6), "ticket"),
    ]


@pytest.mark.parametrize("days", [7, 14, 28, 30, 90])
def test_a_scaled_alert_fires_when_the_same_share_of_the_budget_is_spent(days: int) -> None:
    window = timedelta(days=days)
    shares = {timedelta(hours=1): "0.02", timedelta(hours=6): "0.05"}
    alerts = burn.default_alerts(window)
    assert alerts
    for alert in alerts:
        assert alert.burn >= 1
        spent = alert.burn * (alert.long // timedelta(minutes=1)) / (window // timedelta(minutes=1))
        assert spent == Decimal(shares.get(alert.long, "0.10"))


def test_windows_shorter_than_a_week_get_shorter_alerts_with_the_same_burn_rates() -> None:
    alerts = burn.default_alerts(timedelta(days=1))
    assert [alert.burn for alert in alerts] == [Decimal("14.4"), 6, 3, 1]
    assert alerts[0].long == timedelta(minutes=2)
    assert all(alert.short < alert.long < timedelta(days=1) for alert in alerts)


def _with(path: str, value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(MINIMAL))
    at: Any = changed
    *way, last = path.split(".")
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    at[int(last) if last.isdigit() else last] = value
    return changed


@pytest.mark.parametrize(
    ("target", "fires"), [("0.9", False), ("0.93", False), ("0.9305555", False), ("0.9306", True), ("0.99", True)]
)
def test_a_definition_whose_alert_can_never_fire_is_refused_with_the_arithmetic(target: str, fires: bool) -> None:
    changed = _with("spec.objectives.0.target", float(target))
    if fires:
        assert read_documents([changed])
        return
    with pytest.raises(SloError) as caught:
        read_documents([changed])
    (place, message, remedy) = caught.value.problems[0]
    assert place == "documents[0].alerts.0"
    assert f"burn 14.4 × (1 − {target}) = " in message
    assert "≥ 1: even if every event failed" in message
    assert "target above 0.930556" in remedy


def test_a_burn_rate_that_exactly_uses_every_event_can_not_fire() -> None:
    slo = Slo(id="a", agent="a", indicator="availability", target=Decimal("0.5"), alerts=[
        Alert(burn=Decimal(2), long=timedelta(hours=1), short=timedelta(minutes=5), severity="page")])  # fmt: skip
    assert [name for name, _, _ in burn.problems(slo)] == ["alerts.0"]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("spec.budgetingMethod", "Timeslices", "documents[0].spec.budgetingMethod"),
        ("spec.timeWindow", [{"duration": "1M"}], "documents[0].spec.timeWindow.0.duration"),
        ("spec.timeWindow", [{"duration": "4w", "isRolling": False}], "documents[0].spec.timeWindow[0]"),
        ("spec.objectives", [{"target": 0.9}, {"target": 0.99}], "documents[0].spec.objectives"),
        ("spec.objectives.0.target", 1.5, "documents[0].target"),
        ("spec.objectives.0.target", None, "documents[0].target"),
        ("spec.objectives.0.op", "gte", "documents[0].spec.objectives[0].op"),
        ("spec.indicator.spec.ratioMetric.good", {"metricSource": {"type": "Prometheus", "spec": {}}},
         "documents[0].spec.indicator.spec.ratioMetric.good.metricSource.type"),
        ("spec.indicator.spec.ratioMetric.good", {"metricSource": {"type": "Muster", "spec": {"indicator": "latency"}}},
         "documents[0].spec.indicator.spec.ratioMetric"),
        ("spec.indicator.spec", {}, "documents[0].spec.indicator.spec.ratioMetric"),
        ("spec.alertPolicies", [{"alertPolicyRef": "none"}], "documents[0].spec.alertPolicies[0].alertPolicyRef"),
        ("spec.service", "Not a slug", "documents[0].agent"),
        ("spec.servise", "x", "documents[0].spec.servise"),
        ("kind", "Slo", "documents[0].kind"),
        ("apiVersion", "openslo/v2", "documents[0].apiVersion"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_with_its_place(path: str, value: Any, place: str) -> None:
    with pytest.raises(SloError) as caught:
        read_documents([_with(path, value)])
    assert caught.value.problems[0][0] == place
    assert all(remedy for _, _, remedy in caught.value.problems)


def test_parts_may_be_documents_of_their_own() -> None:
    text = """
apiVersion: openslo/v1
kind: SLI
metadata: {name: fast}
spec:
  ratioMetric:
    good: {metricSource: {type: Muster, spec: {indicator: latency, threshold_ms: 2000}}}
    total: {metricSource: {type: Muster, spec: {indicator: latency, threshold_ms: 2000}}}
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast-burn, annotations: {muster.dev/short-window: 5m}}
spec: {severity: page, condition: {kind: burnrate, op: gte, threshold: 14.4, lookbackWindow: 1h}}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec: {conditions: [{conditionRef: fast-burn}], notificationTargets: []}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: drafter-fast}
spec:
  service: drafter
  indicatorRef: fast
  timeWindow: [{duration: 28d, isRolling: true}]
  objectives: [{targetPercent: 99.5}]
  alertPolicies: [{alertPolicyRef: page}]
---
apiVersion: openslo/v1
kind: Service
metadata: {name: drafter}
spec: {}
"""
    (slo,) = read(text)
    assert (slo.indicator, slo.threshold_ms, slo.target) == ("latency", 2000, Decimal("0.995"))
    assert [(alert.burn, alert.short) for alert in slo.alerts] == [(Decimal("14.4"), timedelta(minutes=5))]


@pytest.mark.parametrize(
    "text",
    ["a: &x [1]\nb: *x", "a: 1\na: 2", "!!python/object/apply:os.system ['true']", "a: [", "x" * 300_000, "[" * 5000],
)
def test_yaml_that_means_harm_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"YAML|KiB"):
        yaml_text.documents(text)


def test_numbers_are_kept_as_they_were_written() -> None:
    assert yaml_text.documents("a: 0.99900000000000000001") == [{"a": Decimal("0.99900000000000000001")}]
