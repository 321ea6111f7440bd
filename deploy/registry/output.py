"""What the registry's commands share: the API they ask, and tables for people or JSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import orjson
import typer
from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.settings import DeploySettings
from inventory.auth.local import FILE
from inventory.client import ClientError, InventoryClient

AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts, one document.")]
# A pipe has no width: names are not cut there.
out = Console(width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True)


@contextmanager
def inventory() -> Iterator[InventoryClient]:
    """The API of MUSTER_API_URL; without a token set, with the local admin's if this account may read it."""
    with InventoryClient.of_environment(token_file=DeploySettings().data / FILE) as client:
        yield client


def printed_json(found: BaseModel | Sequence[BaseModel]) -> None:
    """One document on standard output, whatever the terminal's width."""
    value = found.model_dump(mode="json") if isinstance(found, BaseModel) else [
        one.model_dump(mode="json") for one in found
    ]  # fmt: skip
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def told(found: BaseModel, as_json: bool, said: str) -> None:
    """What was done: the document for scripts, a line for people."""
    if as_json:
        printed_json(found)
    else:
        say(said)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | None]], empty: str) -> None:
    """Rows under their columns; `empty` in words where there are none."""
    shown = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for row in rows:
        shown.add_row(*(escape(cell or "") for cell in row))
    out.print(shown if shown.row_count else empty, highlight=False)


def fields(pairs: Iterable[tuple[str, str | None]]) -> None:
    """What is known of one thing, line by line."""
    shown = Table.grid(padding=(0, 2, 0, 0))
    for name, value in pairs:
        if value:
            shown.add_row(f"[dim]{name}[/]", escape(value))
    out.print(shown, highlight=False)


def when(moment: datetime | None) -> str:
    """To the minute, UTC."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def say(line: str) -> None:
    out.print(escape(line), highlight=False, soft_wrap=True)


def completed(ask: Callable[[InventoryClient], Iterable[str]]) -> Callable[[str], list[str]]:
    """For shell completion: names that begin with what was typed. Where the API doesn't answer, none."""

    def complete(incomplete: str) -> list[str]:
        try:
            with inventory() as client:
                return [name for name in ask(client) if name.startswith(incomplete)]
        except (ClientError, OSError):
            return []

    return complete


agent_names = completed(lambda client: [agent.id for agent in client.list_agents(limit=500).agents])
AgentName = Annotated[str, typer.Argument(help="The agent's id.", autocompletion=agent_names)]
