"""Tables that can be taken along: as a grid, or as rows of links, each with its rows as CSV."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from dashboards import words

Columns = Mapping[str, Any]
"""Each a sequence, all of one length."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def grid(key: str, columns: Columns, name: str, *, alt: str, tall: int = 480, **options: Any) -> list[int]:
    """Draws it with a button that takes it along; the rows that are selected, where that was asked for."""
    rows = len(next(iter(columns.values()), []))
    state = st.dataframe(
        columns,
        key=key,
        hide_index=True,
        height="content" if rows <= 14 else tall,
        placeholder=words.UNKNOWN,
        alt=alt,
        **options,
    )
    take(key, columns, name)
    return list(state.get("selection", {}).get("rows", [])) if "on_select" in options else []


def take(key: str, columns: Columns, name: str) -> None:
    """The button alone."""
    st.download_button(
        "CSV",
        data=lambda: as_csv(columns),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"{key}-csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help=f"Download these {len(next(iter(columns.values()), [])):,} rows",
    )


def members(found: Sequence[Any], names: Sequence[str]) -> Columns:
    """Columns of what objects call so."""
    return {name: [getattr(one, name) for one in found] for name in names}


def utc(when: datetime | None) -> datetime | None:
    """For a column whose heading says UTC."""
    return None if when is None else when.replace(tzinfo=None)


def as_csv(columns: Columns) -> bytes:
    """RFC 4180, UTF-8 with a mark, so that spreadsheets read it; what looks like a formula is text."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value) for value in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else value


class Link:
    """A cell that leads somewhere. `elsewhere`: another site, in a tab of its own."""

    def __init__(self, text: str, address: str, *, elsewhere: bool = False) -> None:
        self.text, self.address, self.elsewhere = text, address, elsewhere

    def __str__(self) -> str:
        return self.text


def rows(headings: Sequence[str], body: Sequence[Sequence[str | Link]], *, label: str, classes: str = "") -> None:
    """An HTML table: few rows, with links in them."""
    st.html(drawn(headings, body, label=label, classes=classes))


def drawn(headings: Sequence[str], body: Sequence[Sequence[str | Link]], *, label: str, classes: str = "") -> str:
    """The table's HTML."""
    head = "".join(f"<th scope=col>{html.escape(heading)}</th>" for heading in headings)
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td data-label='{html.escape(heading, quote=True)}'>{_drawn(cell)}</td>"
            for heading, cell in zip(headings, row, strict=True)
        )
        + "</tr>"
        for row in body
    )
    return (
        f"<div class='muster-scroll' tabindex=0 role=region aria-label='{html.escape(label, quote=True)}'>"
        f"<table class='muster-table {classes}'><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _drawn(cell: str | Link) -> str:
    if isinstance(cell, str):
        return html.escape(cell)
    safe = cell.address if cell.address.startswith(("/", "https://", "http://")) else "#"
    where = " target=_blank rel='noopener noreferrer'" if cell.elsewhere else " target=_self"
    return f"<a href='{html.escape(safe, quote=True)}'{where}>{html.escape(cell.text)}</a>"
