"""Data pipeline: ingest → schema → anomalies → lineage → report → steward when severe → publish, notify."""

from __future__ import annotations

from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AnyValue

from collector.demo import agents
from collector.demo.envelope import Approval, Attributes, Policy, Task
from collector.demo.prose import ANOMALIES, FEEDS, STEWARDS, SYSTEM
from collector.demo.run import MS, Failure, Fault, Run
from collector.demo.schedule import Incident, Workflow

PUBLISH_POLICY = Policy("publish-high-severity", "3")

ALLOWED = ("warehouse.load", "report.publish", "chat.notify")

SLOT_TIMEOUT = Fault("warehouse.LockTimeout", "no slot within 20 s for table staging.orders")
THROTTLED = Fault("botocore.ThrottlingException", "429: too many tokens, please wait before trying again")
BROKEN_FEED = Fault("contracts.SchemaMismatch", "column amount_cents: expected int64, found string in 1,204 rows")

_SEVERE = {Incident.HIGH_SEVERITY, Incident.DENIED, Incident.ABANDONED}


def play(run: Run, incident: Incident | None) -> None:
    """One pipeline run from feed to publication."""
    feed = run.rng.choice(FEEDS)
    task = Task(
        id=f"task-{run.rng.getrandbits(48):012x}",
        workflow_version="5.0",
        business_key=f"{feed}-{run.rng.getrandbits(24):06x}",
        classification="data-quality",
        confidence=round(run.rng.uniform(0.88, 0.99), 3),
        sensitivity="restricted" if feed in ("payments", "ledger") else "internal",
        deadline=run.now + 7_200_000 * MS,
        tool_budget=20,
        allowed_actions=ALLOWED,
    )
    service = run.stage.service(agents.PIPELINE, run.now)
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": Workflow.PIPELINE.value,
        "gen_ai.agent.id": agents.PIPELINE.id,
        "gen_ai.agent.name": agents.PIPELINE.service,
        "gen_ai.agent.version": service.version,
        "gen_ai.conversation.id": run.conversation,
        "user.id": "svc-scheduler",
        "muster.release.id": agents.PIPELINE.release(service.version),
        **task.attributes(),
    }
    name = f"invoke_workflow {Workflow.PIPELINE.value}"
    with run.span(agents.PIPELINE, name, attributes, SpanKind.SERVER) as root:
        run.log(agents.PIPELINE, f"Pipeline for feed {feed} started")
        try:
            outcome = _steps(run, feed, task, incident)
        except Failure as failure:
            run.fail(agents.PIPELINE, failure)
            root.set_status(StatusCode.ERROR, str(failure))
            root.set_attribute("error.type", failure.kind)
            outcome = "failed"
        root.set_attribute("muster.outcome", outcome)


def _steps(run: Run, feed: str, task: Task, incident: Incident | None) -> str:
    rows = run.rng.randrange(20_000, 900_000)
    _ingest(run, feed, rows, task, incident)
    with run.invoke(agents.SCHEMA, task):
        if incident is Incident.SCHEMA_INVALID:
            run.chat(agents.SCHEMA, f"Feed {feed}: {BROKEN_FEED.message}", "Amounts come quoted.",
                     system=SYSTEM["schema"])  # fmt: skip
            check: dict[str, AnyValue] = {"feed": feed, "contract": f"{feed}.v4"}
            run.tool(agents.SCHEMA, "contracts.check", check, {}, fault=BROKEN_FEED)
        run.tool(
            agents.SCHEMA,
            "contracts.check",
            {"feed": feed, "contract": f"{feed}.v4"},
            {"valid": True, "rows": rows},
        )
    finding, sentence = run.rng.choice(ANOMALIES)
    severity = "high" if incident in _SEVERE else run.rng.choice(("low", "low", "medium"))
    _detect(run, feed, finding, severity, task, incident)
    with run.invoke(agents.LINEAGE, task):
        lineage: dict[str, AnyValue] = {"tables": [f"raw.{feed}", f"staging.{feed}", f"mart.{feed}_daily"]}
        run.tool(agents.LINEAGE, "catalog.lineage", {"table": f"mart.{feed}_daily"}, lineage, ms=180)
        run.chat(agents.LINEAGE, f"Which upstream explains: {finding}", f"staging.{feed}, loaded at 02:00.")
    with run.invoke(agents.REPORTER, task):
        run.chat(agents.REPORTER, f"Report for {feed}, {rows} rows. {finding}", sentence,
                 system=SYSTEM["report"], context_tokens=3200)  # fmt: skip
    if severity == "high":
        decision = _steward(run, feed, rows, task, incident)
        if decision != "approved":
            return "abandoned" if decision == "abandoned" else "handed_off"
    _publish(run, feed, rows, sentence, task)
    return "completed"


def _ingest(run: Run, feed: str, rows: int, task: Task, incident: Incident | None) -> None:
    load: dict[str, AnyValue] = {"feed": feed, "table": f"staging.{feed}", "mode": "append"}
    with run.invoke(agents.INGEST, task):
        run.tool(agents.INGEST, "storage.list", {"prefix": f"feeds/{feed}/"}, {"objects": 24}, ms=140)
        if incident is Incident.RETRY:
            try:
                run.tool(agents.INGEST, "warehouse.query", {"table": f"staging.{feed}"}, {}, fault=SLOT_TIMEOUT)
            except Failure:
                run.warn(agents.INGEST, "No warehouse slot, attempt 1 of 3: trying again in 5 s")
                run.wait(5000)
        run.tool(agents.INGEST, "warehouse.load", load, {"rows": rows}, ms=1400)


def _detect(run: Run, feed: str, finding: str, severity: str, task: Task, incident: Incident | None) -> None:
    with run.invoke(agents.ANOMALY, task) as (span, _):
        if incident is Incident.SERIAL_TOOLS:
            for tool in ("stats.profile", "stats.seasonality", "stats.outliers"):
                run.tool(agents.ANOMALY, tool, {"table": f"staging.{feed}"}, {"ok": True}, ms=500, exact=True)
        else:
            run.tool(
                agents.ANOMALY,
                "stats.profile",
                {"table": f"staging.{feed}"},
                {"columns": 18, "nulls": 0.004},
                ms=330,
            )
        fault = THROTTLED if incident is Incident.MODEL_ERROR else None
        run.chat(agents.ANOMALY, f"Rate this: {finding}", f"{severity}: {finding}",
                 system=SYSTEM["anomaly"], context_tokens=900, fault=fault)  # fmt: skip
        span.set_attribute("data.anomaly.severity", severity)


def _steward(run: Run, feed: str, rows: int, task: Task, incident: Incident | None) -> str:
    action: dict[str, AnyValue] = {"report": f"{feed}-daily", "rows": rows, "audience": "finance"}
    with run.invoke(agents.STEWARD, task) as (span, _):
        requested = run.now
        number = f"apr-{run.rng.getrandbits(40):010x}"
        if incident is Incident.ABANDONED:
            run.ask(3600)
            decision = "abandoned"
            approval = Approval(number, decision, PUBLISH_POLICY, action, action, requested)
        else:
            run.ask(run.rng.uniform(60, 1500))
            decision = "denied" if incident is Incident.DENIED else "approved"
            steward = run.rng.choice(STEWARDS)
            approval = Approval(number, decision, PUBLISH_POLICY, action, action, requested, steward, run.now)
        run.approval(agents.STEWARD, span, approval, as_log=True)
        span.set_attributes(PUBLISH_POLICY.verdict("needs_approval", approval.decision))
    return decision


def _publish(run: Run, feed: str, rows: int, sentence: str, task: Task) -> None:
    with run.invoke(agents.PUBLISHER, task):
        publish: dict[str, AnyValue] = {"report": f"{feed}-daily", "rows": rows, "audience": "finance"}
        run.tool(
            agents.PUBLISHER,
            "report.publish",
            publish,
            {"url": f"https://reports.example.com/{feed}"},
            ms=410,
        )
        run.tool(agents.PUBLISHER, "chat.notify", {"channel": "#data", "text": sentence}, {"ok": True}, ms=90)
        run.log(agents.PUBLISHER, f"Published {feed}-daily")
