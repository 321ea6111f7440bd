"""Customer support: triage → retrieval → policy → draft → supervisor when needed → CRM and reply → QA."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AnyValue

from collector.demo import agents
from collector.demo.envelope import Approval, Attributes, Policy, Task
from collector.demo.prose import CASES, FOLLOW_UP, POLICIES, SUPERVISORS, SYSTEM
from collector.demo.run import MS, Failure, Fault, Run
from collector.demo.schedule import Incident, Workflow

REFUND_LIMIT = 500.0
MIN_CONFIDENCE = 0.85
MIN_SCORE = 0.92
REFUND_POLICY = Policy("refund-over-500", "2026-02")
CONTENT_POLICY = Policy("reply-standards", "7")

ALLOWED = ("crm.update_case", "billing.refund", "mail.send_reply")

OVERLOADED = Fault("anthropic.InternalServerError", "529 overloaded_error: Overloaded")
RATE_LIMITED = Fault("openai.RateLimitError", "429: requests per minute exceeded, retry in 1.2 s")
TIMED_OUT = Fault("httpx.ReadTimeout", "timed out after 2.0 s waiting for billing.refund")
CRM_DOWN = Fault("crm.ConflictError", "409: the case was changed by someone else (stale version 14)")

_NEEDS_APPROVAL = {
    Incident.LARGE_REFUND,
    Incident.LOW_CONFIDENCE,
    Incident.DENIED,
    Incident.ABANDONED,
    Incident.CHANGED_AFTER_APPROVAL,
}


@dataclass(frozen=True, slots=True)
class Case:
    key: str
    topic: str
    text: str
    reply: str
    amount: float
    confidence: float
    incident: Incident | None

    @property
    def needs_approval(self) -> bool:
        return self.amount > REFUND_LIMIT or self.confidence < MIN_CONFIDENCE


def play(run: Run, incident: Incident | None) -> None:
    """One case from arrival to its outcome."""
    case = _case(run.rng, incident)
    task = Task(
        id=f"task-{run.rng.getrandbits(48):012x}",
        workflow_version="2026.3",
        business_key=case.key,
        classification=case.topic,
        confidence=case.confidence,
        sensitivity="confidential" if case.amount else "internal",
        deadline=run.now + 3_600_000 * MS,
        tool_budget=12,
        allowed_actions=ALLOWED,
    )
    service = run.stage.service(agents.SUPPORT, run.now)
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": Workflow.SUPPORT.value,
        "gen_ai.agent.id": agents.SUPPORT.id,
        "gen_ai.agent.name": agents.SUPPORT.service,
        "gen_ai.agent.version": service.version,
        "gen_ai.conversation.id": run.conversation,
        "user.id": run.requester,
        "muster.release.id": agents.SUPPORT.release(service.version),
        **task.attributes(),
    }
    name = f"invoke_workflow {Workflow.SUPPORT.value}"
    with run.span(agents.SUPPORT, name, attributes, SpanKind.SERVER) as root:
        run.log(agents.SUPPORT, f"Case {case.key} received from customer@example.com")
        try:
            outcome = _steps(run, case, task)
        except Failure as failure:
            run.fail(agents.SUPPORT, failure)
            root.set_status(StatusCode.ERROR, str(failure))
            root.set_attribute("error.type", failure.kind)
            outcome = "failed"
        root.set_attribute("muster.outcome", outcome)


def _steps(run: Run, case: Case, task: Task) -> str:
    _triage(run, case, task)
    source, documents = POLICIES
    with run.invoke(agents.RETRIEVER, task):
        chosen = run.rng.sample(documents, 3)
        scores = sorted((round(run.rng.uniform(0.62, 0.94), 3) for _ in chosen), reverse=True)
        run.retrieve(agents.RETRIEVER, case.text, source, list(zip(chosen, scores, strict=True)))
    _validate(run, case, task)
    _draft(run, case, task)
    if case.needs_approval:
        decision = _supervise(run, case, task)
        if decision != "approved":
            return "abandoned" if decision == "abandoned" else "handed_off"
    _close(run, case, task)
    if run.rng.random() < 0.12:
        _sample(run, case, task)
    return "completed"


def _triage(run: Run, case: Case, task: Task) -> None:
    verdict = f'{{"topic": "{case.topic}", "confidence": {case.confidence}}}'
    with run.invoke(agents.TRIAGE, task):
        if case.incident is Incident.RETRY:
            try:
                run.chat(agents.TRIAGE, case.text, "", system=SYSTEM["triage"], fault=RATE_LIMITED)
            except Failure:
                run.warn(agents.TRIAGE, "Rate limited by openai, attempt 1 of 3: trying again in 1.2 s")
                run.wait(1200)
        run.chat(agents.TRIAGE, case.text, verdict, system=SYSTEM["triage"], context_tokens=640)
        run.log(agents.TRIAGE, f"Classified as {case.topic} with confidence {case.confidence}")


def _validate(run: Run, case: Case, task: Task) -> None:
    score = round(run.rng.uniform(MIN_SCORE, 0.995), 3)
    verdict = "needs_approval" if case.needs_approval else "allow"
    with run.invoke(agents.VALIDATOR, task) as (span, _):
        run.chat(agents.VALIDATOR, f"Does this case fit policy? {case.text}", f"score={score}, {verdict}",
                 system=SYSTEM["policy"], context_tokens=2200)  # fmt: skip
        facts = REFUND_POLICY.verdict(verdict, "escalated" if case.needs_approval else "allowed")
        span.set_attributes({**facts, "muster.policy.score": score, "muster.policy.min_score": MIN_SCORE})


def _draft(run: Run, case: Case, task: Task) -> None:
    prompt = f"Draft a reply. {case.text} {FOLLOW_UP}"
    with run.invoke(agents.DRAFTER, task):
        if case.incident is Incident.SERIAL_TOOLS:
            for tool in ("orders.history", "shipping.status", "billing.ledger"):
                run.tool(agents.DRAFTER, tool, {"case": case.key}, {"rows": 3}, ms=500, exact=True)
        else:
            run.tool(agents.DRAFTER, "orders.lookup", {"case": case.key}, {"order": case.key, "items": 2}, ms=85)
        if case.incident is Incident.ERROR_BURST and run.rng.random() < 0.8:
            for attempt in (1, 2):
                try:
                    run.chat(agents.DRAFTER, prompt, "", system=SYSTEM["draft"], fault=OVERLOADED)
                except Failure:
                    run.warn(agents.DRAFTER, f"anthropic is overloaded, attempt {attempt} of 3")
                    run.wait(1000 * 2**attempt)
        gives_up = case.incident in (Incident.ERROR_BURST, Incident.MODEL_ERROR)
        run.chat(agents.DRAFTER, prompt, case.reply, system=SYSTEM["draft"], context_tokens=1800,
                 fault=OVERLOADED if gives_up else None)  # fmt: skip


def _supervise(run: Run, case: Case, task: Task) -> str:
    action = _refund(case)
    shown = dict(action)
    if case.incident is Incident.CHANGED_AFTER_APPROVAL:
        shown["amount"] = round(case.amount / 10, 2)
    with run.invoke(agents.GATE, task) as (span, _):
        run.chat(agents.GATE, f"Summarise for the supervisor: {case.text}", f"Refund {case.amount} asked for.")
        requested = run.now
        number = f"apr-{run.rng.getrandbits(40):010x}"
        if case.incident is Incident.ABANDONED:
            run.ask(1800)
            decision = "abandoned"
            approval = Approval(number, decision, REFUND_POLICY, action, shown, requested)
            run.warn(agents.GATE, f"Nobody decided about {case.key} within 30 minutes")
        else:
            run.ask(run.rng.uniform(25, 600))
            decision = "denied" if case.incident is Incident.DENIED else "approved"
            approver = run.rng.choice(SUPERVISORS)
            approval = Approval(number, decision, REFUND_POLICY, action, shown, requested, approver, run.now)
        run.approval(agents.GATE, span, approval)
        span.set_attributes(REFUND_POLICY.verdict("needs_approval", approval.decision))
    return decision


def _close(run: Run, case: Case, task: Task) -> None:
    with run.invoke(agents.CRM, task) as (span, _):
        if case.incident is Incident.ACTION_NOT_ALLOWED:
            run.tool(agents.CRM, "crm.export_contacts", {"segment": "all"}, {"rows": 18_204}, ms=900)
        if case.amount:
            refund, done = _refund(case), {"refund": f"rf-{case.key}", "status": "booked"}
            if case.incident is Incident.DUPLICATE_WRITE:
                # The first call did its work; only its answer was late. The second one pays again.
                try:
                    run.tool(agents.CRM, "billing.refund", refund, {}, ms=2000, fault=TIMED_OUT, exact=True)
                except Failure:
                    run.warn(agents.CRM, "billing.refund timed out, calling again")
            run.tool(agents.CRM, "billing.refund", refund, done, ms=260)
        update: dict[str, AnyValue] = {"case": case.key, "status": "solved", "topic": case.topic}
        conflict = CRM_DOWN if case.incident is Incident.TOOL_ERROR else None
        run.tool(agents.CRM, "crm.update_case", update, {"version": 15}, fault=conflict)
        mail: dict[str, AnyValue] = {
            "to": "customer@example.com",
            "subject": f"Re: {case.key}",
            "body": case.reply,
        }
        run.tool(agents.CRM, "mail.send_reply", mail, {"queued": True}, ms=60)
        span.set_attributes(CONTENT_POLICY.verdict("allow", "allowed"))


def _sample(run: Run, case: Case, task: Task) -> None:
    score = round(run.rng.betavariate(12, 2), 3)
    with run.invoke(agents.QA, task) as (span, _):
        run.chat(agents.QA, f"Score this reply: {case.reply}", f"{score}", system=SYSTEM["qa"])
        result: Attributes = {
            "gen_ai.evaluation.name": "helpfulness",
            "gen_ai.evaluation.score.value": score,
            "gen_ai.evaluation.score.label": "pass" if score >= 0.7 else "fail",
        }
        _evaluated(run, span, result)


def _evaluated(run: Run, span: Span, result: Attributes) -> None:
    span.add_event("gen_ai.evaluation.result", result, timestamp=run.now)


def _refund(case: Case) -> dict[str, AnyValue]:
    return {"case": case.key, "amount": case.amount, "currency": "USD", "reason": case.topic}


def _case(rng: Random, incident: Incident | None) -> Case:
    topic, text, reply = rng.choice(CASES)
    amount = round(rng.uniform(12, 480), 2) if topic in ("refund", "billing") else 0.0
    confidence = round(rng.uniform(MIN_CONFIDENCE + 0.01, 0.99), 3)
    if incident is Incident.LOW_CONFIDENCE:
        confidence = round(rng.uniform(0.55, MIN_CONFIDENCE - 0.01), 3)
    elif incident in _NEEDS_APPROVAL:
        amount = round(rng.uniform(REFUND_LIMIT + 10, 2400), 2)
    elif incident is Incident.DUPLICATE_WRITE:
        amount = round(rng.uniform(40, 450), 2)
    key = f"CASE-{rng.randrange(100_000, 999_999)}"
    return Case(key, topic, text.format(order=key[5:]), reply.format(order=key[5:]), amount, confidence, incident)
