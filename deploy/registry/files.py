"""`muster apply` and `muster export`: the registry as YAML files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import TypeAdapter, ValidationError

from deploy.registry.output import AsJson, err, inventory, out, printed_json, say, told
from inventory.contract.documents import Document, Documents
from inventory.contract.people import Change, Plan

_SIGNS = {"create": "[green]+[/]", "update": "[yellow]~[/]", "retire": "[red]-[/]"}
_ONE: TypeAdapter[Document] = TypeAdapter(Document)


class FileProblem(OSError):
    """A file that can't be applied; the message names it, the document and the field."""


def apply(
    file: Annotated[
        list[Path], typer.Option("--file", "-f", help="A YAML file, or a folder of them; may be repeated.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Say what would change; change nothing.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="Retire agents that are in none of the files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what would change, then change it: all of it, or nothing."""
    wanted = Documents(documents=list(read(file)), retire=retire)
    with inventory() as client:
        plan = client.plan(wanted)
        if as_json and (plan_only or not plan.changes):
            printed_json(plan)
            return
        if not as_json:
            show(plan)
        if plan_only or not plan.changes:
            return
        if not yes and not typer.confirm("Apply this?"):
            say("nothing was changed")
            raise typer.Exit(1)
        done = client.apply(wanted, plan.fingerprint)
    told(done, as_json, f"applied {len(done.changes)} changes")


def export(
    folder: Annotated[Path | None, typer.Argument(help="Write files here; to standard output without.")] = None,
) -> None:
    """The whole registry as YAML, as apply takes it."""
    with inventory() as client:
        documents = [document.model_dump(mode="json", exclude_none=True) for document in client.export()]
    if folder is None:
        out.file.write(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True))
        return
    for document in documents:
        path = folder / f"{document['kind']}s" / f"{document['id']}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    say(f"wrote {len(documents)} documents to {folder}")


def read(paths: list[Path]) -> Iterator[Document]:
    """Every document of files and folders. Raises FileProblem."""
    for path in paths:
        files = sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]) if path.is_dir() else [path]
        if not files:
            raise FileProblem(f"{path} holds no .yaml files")
        for file in files:
            yield from _documents(file)


def _documents(path: Path) -> Iterator[Document]:
    try:
        documents: list[Any] = list(yaml.safe_load_all(path.read_text()))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise FileProblem(f"{where} is no YAML: {getattr(error, 'problem', None) or 'see its syntax'}") from None
    except UnicodeDecodeError:
        raise FileProblem(f"{path} is not UTF-8") from None
    for number, document in enumerate(documents, start=1):
        if document is None:
            continue
        try:
            yield _ONE.validate_json(json.dumps(document, default=str))
        except ValidationError as error:
            said = error.errors()[0]
            field = ".".join(str(part) for part in said["loc"][1:]) or "kind"
            raise FileProblem(f"{path}, document {number}: {field}: {said['msg']}") from None


def show(plan: Plan) -> None:
    """As terraform does: what would be created, changed and retired, field by field."""
    for change in plan.changes:
        out.print(f"{_SIGNS[change.action]} {change.kind} {change.id}", highlight=False)
        if change.action == "update":
            for member in change.members:
                before, after = _member(change, member)
                out.print(f"    {member}: {before} → {after}", markup=False, highlight=False)
    counts = {action: sum(change.action == action for change in plan.changes) for action in _SIGNS}
    if plan.changes:
        said = f"{counts['create']} to create, {counts['update']} to change, {counts['retire']} to retire"
        say(f"{said}, {plan.unchanged} unchanged")
    else:
        err.print(f"nothing to do: all {plan.unchanged} are as the files say", highlight=False)


def _member(change: Change, name: str) -> tuple[str, str]:
    before, after = ((state or {}).get(name) for state in (change.before, change.after))
    return json.dumps(before, ensure_ascii=False), json.dumps(after, ensure_ascii=False)
