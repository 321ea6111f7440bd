"""A progress bar for `traffic.send`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from collector.demo.traffic import Sent


@contextmanager
def bar(total: int | None, *, console: Console | None = None) -> Iterator[Callable[[Sent], None]]:
    """Draws while the block runs and yields the callback to give to `send`.

    `total` is the number of traces, None when there is no end. On a terminal the bar redraws in place; in
    a log file only its last state is written.
    """
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("traces · {task.fields[spans]:,} spans · {task.fields[requests]:,} requests"),
        TimeRemainingColumn(),
        console=console,
    )
    with progress:
        task = progress.add_task("Sending", total=total, spans=0, requests=0)

        def advance(sent: Sent) -> None:
            progress.update(task, completed=sent.traces, spans=sent.spans, requests=sent.requests)

        yield advance
