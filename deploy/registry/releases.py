"""`muster releases`: what an agent runs, and who let it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from deploy.registry.output import AgentName, AsJson, fields, inventory, out, printed_json, say, table, told, when
from inventory.client import InventoryClient, NotFound
from inventory.contract.releases import Bundle, Release, Verdict

releases_app = typer.Typer(no_args_is_help=True, help="Releases: proposed, approved by a second person, active.")
ReleaseName = Annotated[str, typer.Argument(help="Number (as in 12), id, or the beginning of one.")]


class NoSuchRelease(OSError):
    """The agent has no release of this number or id."""


@releases_app.command("list")
def list_releases(
    agent: Annotated[str | None, typer.Argument(help="Of this agent; of all without.")] = None,
    status: Annotated[str | None, typer.Option(help="proposed, approved or rejected.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """List releases, newest first."""
    with inventory() as client:
        page = client.list_releases(agent=agent, status=status, limit=limit)
    if as_json:
        printed_json(page.releases)
        return
    rows = [
        (one.agent, str(one.number), one.id[7:19], one.version, one.status + (" · active" if one.active else ""),
         one.created_by, one.decided_by, when(one.created_at))
        for one in page.releases
    ]  # fmt: skip
    columns = ("agent", "no", "id", "version", "status", "proposed by", "decided by", "proposed (UTC)")
    table(columns, rows, "no releases: begin one with muster releases draft AGENT -f bundle.yaml")
    if page.next:
        say(f"there are more than {limit}: see --limit")


@releases_app.command()
def show(agent: AgentName, release: ReleaseName, as_json: AsJson = False) -> None:
    """One release with its parts."""
    with inventory() as client:
        found = _found(client, agent, release)
    if as_json:
        printed_json(found)
        return
    fields(
        [
            ("release", f"{found.agent} number {found.number} {found.version}".strip()),
            ("id", found.id),
            ("status", found.status + (", active" if found.active else "")),
            ("proposed", f"{found.created_by}, {when(found.created_at)} UTC"),
            ("decided", found.decided_by and f"{found.decided_by}, {when(found.decided_at)} UTC"),
            ("reason", found.reason),
            ("goes back to", found.rollback_to),
            ("note", found.note),
        ]
    )
    rows = [
        (part.kind, part.name, part.digest[7:19], "elsewhere" if part.size is None else f"{part.size:,}", part.uri)
        for part in found.parts
    ]
    table(("part", "name", "digest", "bytes", "where"), rows, "")


@releases_app.command()
def diff(agent: AgentName, before: ReleaseName, after: ReleaseName, as_json: AsJson = False) -> None:
    """What leads from one release to another."""
    with inventory() as client:
        found = client.diff(agent, _found(client, agent, before).id, _found(client, agent, after).id)
    if as_json:
        printed_json(found)
        return
    changed = [part for part in found.parts if part.change != "same"]
    for part in changed:
        say(f"{part.change} {part.kind} {part.name}")
        out.print(part.text or "  (its content is kept elsewhere, or may not be seen)", markup=False, highlight=False)
    same = len(found.parts) - len(changed)
    say(f"{len(changed)} of {len(found.parts)} parts differ" if changed else f"the same {same} parts")


@releases_app.command()
def draft(
    agent: AgentName,
    file: Annotated[Path, typer.Option("--file", "-f", help="The bundle, as YAML: parts with content or `file`.")],
    as_json: AsJson = False,
) -> None:
    """Begin the next release, or replace its draft. The live one stays."""
    bundle = read_bundle(file)
    with inventory() as client:
        try:
            revision: int | None = client.get_draft(agent).revision
        except NotFound:
            revision = None
        found = client.put_draft(agent, bundle, revision)
    said = f"draft of {agent}, revision {found.revision}, {len(found.bundle.parts)} parts"
    told(found, as_json, f"{said}; next: muster releases propose {agent}")


@releases_app.command()
def propose(agent: AgentName, as_json: AsJson = False) -> None:
    """Make the draft a release that a second person must approve."""
    with inventory() as client:
        _done(client.propose(agent, client.get_draft(agent).revision), as_json)


def _decide(agent: str, release: str, verdict: Any, reason: str, as_json: bool) -> None:
    with inventory() as client:
        found = _found(client, agent, release)
        _done(client.decide(agent, found.id, Verdict(decision=verdict, reason=reason), found.revision), as_json)


Why = Annotated[str, typer.Option(help="Kept with the decision.")]


@releases_app.command()
def approve(agent: AgentName, release: ReleaseName, reason: Why = "", as_json: AsJson = False) -> None:
    """Approve what others proposed."""
    _decide(agent, release, "approve", reason, as_json)


@releases_app.command()
def reject(agent: AgentName, release: ReleaseName, reason: Why = "", as_json: AsJson = False) -> None:
    """Reject it: it never runs."""
    _decide(agent, release, "reject", reason, as_json)


@releases_app.command()
def activate(agent: AgentName, release: ReleaseName, as_json: AsJson = False) -> None:
    """Let the agent run it."""
    with inventory() as client:
        found = _found(client, agent, release)
        _done(client.activate_release(agent, found.id, client.get_agent(agent).revision), as_json)


@releases_app.command()
def rollback(agent: AgentName, as_json: AsJson = False) -> None:
    """Back to what the active release names for this."""
    with inventory() as client:
        _done(client.roll_back(agent, client.get_agent(agent).revision), as_json)


def _found(client: InventoryClient, agent: str, name: str) -> Release:
    """By number, id, or an id's beginning. Raises NoSuchRelease."""
    cursor: str | None = None
    wanted = name.removeprefix("sha256:")
    while True:
        page = client.list_releases(agent=agent, limit=500, cursor=cursor)
        for one in page.releases:
            if name == str(one.number) or (len(wanted) >= 6 and one.id[7:].startswith(wanted)):
                return one
        cursor = page.next
        if cursor is None:
            raise NoSuchRelease(f"{agent} has no release {name}: see muster releases list {agent}")


def _done(release: Release, as_json: bool) -> None:
    status = release.status + (", active" if release.active else "")
    told(release, as_json, f"release {release.number} of {release.agent} ({release.id[7:19]}) is {status}")


def read_bundle(path: Path) -> Bundle:
    """A bundle as YAML. A part's `file` is read, relative to the bundle's. Raises OSError, or ValidationError."""
    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise OSError(f"{path} is no YAML: {str(error).splitlines()[0]}") from None
    parts = document.get("parts", []) if isinstance(document, dict) else []
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and "file" in part:
            part["content"] = (path.parent / str(part.pop("file"))).read_text()
    return Bundle.model_validate(document)
