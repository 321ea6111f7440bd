"""`muster lifecycle`, `muster jobs`: cases, policies, decisions, the kill switch, what runs by the clock."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from deploy.registry.output import AgentName, AsJson, completed, fields, inventory, printed_json, say, table, told, when
from inventory.contract import lifecycle as wire

lifecycle_app = typer.Typer(no_args_is_help=True, help="Idle agents: found, asked about, disabled, retired.")
policy_app = typer.Typer(no_args_is_help=True, help="What is done about agents, for each reason.")
jobs_app = typer.Typer(no_args_is_help=True, help="What runs by the clock.")
lifecycle_app.add_typer(policy_app, name="policy")

case_names = completed(lambda client: [case.id for case in client.list_cases(limit=500, open=True).cases])
CaseName = Annotated[str, typer.Argument(help="The case's id.", autocompletion=case_names)]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]


@lifecycle_app.command("plan")
def plan(
    every: Annotated[bool, typer.Option("--all", help="Also what isn't due yet.")] = False, as_json: AsJson = False
) -> None:
    """What a run would do now. Changes nothing."""
    with inventory() as client:
        found = client.lifecycle_plan()
    if as_json:
        printed_json(found)
        return
    if found.stopped:
        say(f"nothing would be enforced: {found.stopped}")
    shown = [one for one in found.planned if every or one.now or one.blocked]
    rows = [
        (
            one.agent,
            one.reason,
            one.action,
            when(one.due_at),
            "now" if one.now else one.blocked or "later",
            f"{one.days:.0f}",
        )
        for one in shown
    ]
    empty = "nothing is due (--all shows what comes)" if found.planned else "no agent is idle, ownerless or expired"
    table(("agent", "reason", "next", "due (UTC)", "", "days"), rows, empty)


@lifecycle_app.command()
def impact(
    policy: Annotated[str, typer.Option(help="Which policy.")] = "idle-90",
    days: Annotated[int, typer.Option(min=1, max=366)] = 30,
    as_json: AsJson = False,
) -> None:
    """What a policy would have done in days that have passed, had nobody answered."""
    with inventory() as client:
        found = client.impact(policy, days)
    if as_json:
        printed_json(found)
        return
    rows = [(one.agent, one.action, when(one.at), when(one.active_again)) for one in found.impacts]
    table(("agent", "would be", "at (UTC)", "active again"), rows, f"{policy} would have done nothing in {days} days")
    if found.wrongly:
        say(f"{found.wrongly} would have been disabled and were active afterwards: raise thresholds, or exclude them")


@lifecycle_app.command("cases")
def list_cases(
    agent: Annotated[str | None, typer.Option()] = None,
    state: Annotated[str | None, typer.Option()] = None,
    reason: Annotated[str | None, typer.Option(help="idle, ownerless, expired or violation.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cases, with what happens next and when."""
    with inventory() as client:
        found = list(client.iterate_cases(agent=agent, state=state, reason=reason, open=not every))
    if as_json:
        printed_json(found)
        return
    rows = [
        (one.id, one.agent, one.reason, one.state, one.status, one.next_action, when(one.next_action_at), one.blocked)
        for one in found
    ]
    table(("case", "agent", "reason", "state", "status", "next", "at (UTC)", "waits for"), rows, "no open case")


@lifecycle_app.command()
def show(case: CaseName, as_json: AsJson = False) -> None:
    """A case with its history, its steps, and who was told."""
    with inventory() as client:
        found = client.get_case(case)
    if as_json:
        printed_json(found)
        return
    fields(
        [
            ("case", f"{found.id}, {found.reason} ({found.policy} version {found.policy_version})"),
            ("agent", f"{found.agent}, owner {found.owner or 'nobody'}"),
            ("state", f"{found.state}, {found.status}" + (", on legal hold" if found.held else "")),
            ("since", f"{when(found.since)} UTC ({found.days:.0f} days)"),
            ("next", f"{found.next_action} at {when(found.next_action_at)} UTC" if found.next_action else "nothing"),
            ("waits for", found.blocked),
            ("undo until", when(found.undo_until)),
            *((name.replace("_", " "), str(value)) for name, value in found.facts.items() if value),
        ]
    )
    rows = [(when(one.at), one.action, one.after, one.actor) for one in found.events]
    table(("at (UTC)", "what", "state", "who"), rows, "")
    if found.steps:
        table(("step", "stage", "state"), [(one.what, one.stage, one.state) for one in found.steps], "")
    if found.notices:
        told_rows = [(when(one.sent_at), one.stage, one.recipient, one.state, one.response) for one in found.notices]
        table(("sent (UTC)", "notice", "to", "state", "the server said"), told_rows, "")
    for one in found.requests:
        answer = (
            f"{'approved' if one.approved else 'refused'} by {one.decided_by}"
            if one.decided_by
            else "waits for another"
        )
        say(f"{one.id}: {one.action}, asked by {one.requested_by}, {answer}")


@lifecycle_app.command()
def decide(
    case: CaseName,
    decision: Annotated[str, typer.Argument(help="keep, snooze, transfer, disable, retire or exempt.")],
    reason: Why = "",
    days: Annotated[int | None, typer.Option(help="Of a snooze or an exemption.")] = None,
    to: Annotated[str | None, typer.Option(help="The new owner, of a transfer.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide what becomes of an agent."""
    asked = wire.Decide.model_validate({"decision": decision, "reason": reason, "days": days, "to": to})
    with inventory() as client:
        _done(client.decide_case(case, asked), as_json)


@lifecycle_app.command()
def ask(
    case: CaseName,
    action: Annotated[str, typer.Argument(help="revoke, archive, exempt or interval.")],
    reason: Why,
    as_json: AsJson = False,
) -> None:
    """Ask for something that a second person must approve."""
    with inventory() as client:
        made = client.ask_case(case, wire.Ask.model_validate({"action": action, "reason": reason}))
    told(made, as_json, f"{made.id}: somebody else approves it with muster lifecycle approve {made.id}")


@lifecycle_app.command()
def approve(
    request: Annotated[str, typer.Argument(help="The request's id.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no.")] = False,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """The second person's word on what another asked for."""
    with inventory() as client:
        made = client.answer_request(request, wire.Verdict(approve=not refuse, reason=reason))
    told(made, as_json, f"{made.action} is {'approved' if made.approved else 'refused'}")


@lifecycle_app.command()
def hold(
    case: CaseName, reason: Why, end: Annotated[bool, typer.Option("--end")] = False, as_json: AsJson = False
) -> None:
    """Put a case on legal hold, or end it: what is held is not deleted."""
    with inventory() as client:
        _done(client.hold_case(case, wire.Hold(held=not end, reason=reason)), as_json)


@lifecycle_app.command()
def violation(agent: AgentName, reason: Why, as_json: AsJson = False) -> None:
    """Report that an agent did what it must not: opens a case."""
    with inventory() as client:
        _done(client.report_violation(agent, reason), as_json)


@lifecycle_app.command()
def stop(reason: Why, as_json: AsJson = False) -> None:
    """The kill switch: nothing is disabled, revoked, removed or archived any more. Notices go on."""
    with inventory() as client:
        told(
            client.put_switch(enforcement=False, reason=reason),
            as_json,
            "enforcement is off; on again: muster lifecycle go",
        )


@lifecycle_app.command()
def go(reason: Why, as_json: AsJson = False) -> None:
    """Let enforcement go on after a stop."""
    with inventory() as client:
        told(client.put_switch(enforcement=True, reason=reason), as_json, "enforcement is on")


@lifecycle_app.command()
def certificate(case: CaseName, as_json: AsJson = False) -> None:
    """What was done to a retired agent, by whom, and with what proof: JSON, with a digest over it."""
    with inventory() as client:
        printed_json(client.get_certificate(case))


@policy_app.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """Policies, and whether they are enforced."""
    with inventory() as client:
        found = client.list_policies()
        switch = client.get_switch()
    if as_json:
        printed_json(found)
        return
    rows = [
        (
            one.id, one.spec.reason, "enforced" if one.spec.enforced else "only watches",
            f"{one.spec.schedule.candidate} / {one.spec.schedule.notice} / {one.spec.schedule.disable} days",
            f"{one.spec.caps.agents}, {one.spec.caps.percent:g} %", str(one.revision),
        )
        for one in found
    ]  # fmt: skip
    table(("policy", "about", "", "candidate / notice / disable", "at most a run", "version"), rows, "no policy")
    if not switch.enforcement:
        say(f"the kill switch is on: {switch.by} stopped all enforcement ({switch.reason})")


@policy_app.command("show")
def show_policy(policy: str) -> None:
    """A policy as YAML, to be edited and put back."""
    found = _policy(policy)
    sys.stdout.write(yaml.safe_dump(found.spec.model_dump(mode="json"), sort_keys=False))


@policy_app.command("put")
def put_policy(
    policy: str,
    file: Annotated[Path, typer.Option("-f", "--file", exists=True, dir_okay=False, help="YAML, as show prints it.")],
    as_json: AsJson = False,
) -> None:
    """Add or change a policy: a new version."""
    given: Any = yaml.safe_load(file.read_text())
    spec = wire.PolicySpec.model_validate(given)
    with inventory() as client:
        known = {one.id: one.revision for one in client.list_policies()}
        made = client.put_policy(policy, spec, known.get(policy))
    told(made, as_json, f"{made.id} is at version {made.revision}")


@policy_app.command("enforce")
def enforce(
    policy: str,
    off: Annotated[bool, typer.Option("--off", help="Only watch again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a policy act, or only watch. Look at muster lifecycle plan and impact before."""
    found = _policy(policy)
    with inventory() as client:
        made = client.put_policy(policy, found.spec.model_copy(update={"enforced": not off}), found.revision)
    told(
        made, as_json, f"{made.id} {'is enforced' if made.spec.enforced else 'only watches'} (version {made.revision})"
    )


@jobs_app.command("list")
def list_jobs(as_json: AsJson = False) -> None:
    """Jobs: last and next run, how long it took, what came of it, how late it was."""
    with inventory() as client:
        found = client.list_jobs()
    if as_json:
        printed_json(found)
        return
    rows = [
        (
            one.name, one.every, when(one.last_run), one.outcome, "" if one.seconds is None else f"{one.seconds:.1f} s",
            "" if one.lag_seconds is None else f"{one.lag_seconds:.1f} s", when(one.next_run),
        )
        for one in found.jobs
    ]  # fmt: skip
    table(("job", "every", "last run (UTC)", "outcome", "took", "late", "next run (UTC)"), rows, "no job has run yet")
    say(f"{found.leader} acts" if found.leader else "no process acts now: start muster up")


@jobs_app.command("run")
def run_job(
    name: str,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a job now."""
    with inventory() as client:
        made = client.run_job(name, dry_run=dry_run)
    if as_json or made.outcome == "dry-run":
        printed_json(made)
    else:
        say(f"{name} is asked for; see muster jobs list")


def _policy(name: str) -> wire.Policy:
    with inventory() as client:
        found = {one.id: one for one in client.list_policies()}
    if name not in found:
        raise typer.BadParameter(f"there is no policy {name}: use one of {', '.join(sorted(found))}")
    return found[name]


def _done(case: wire.Case, as_json: bool) -> None:
    coming = f"; next: {case.next_action} at {when(case.next_action_at)} UTC" if case.next_action else ""
    told(case, as_json, f"{case.agent} is {case.state} ({case.status}){coming}")
