"""What a release is: parts, each under the digest of its content, and an id that only they make."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inventory.canonical import canonical, sha256
from inventory.contract import releases as wire

_LONGEST_DIFF = 200_000


def digest_of(content: str) -> str:
    """`sha256:` and the hex digits of the UTF-8 text."""
    return f"sha256:{sha256(content)}"


def parts_of(bundle: wire.Bundle) -> list[dict[str, Any]]:
    """Kind, name, digest, size and uri of each part, in one order whatever order they came in."""
    parts = [
        {
            "kind": part.kind,
            "name": part.name,
            "digest": part.digest if part.content is None else digest_of(part.content),
            "size": None if part.content is None else len(part.content.encode()),
            "uri": part.uri,
        }
        for part in bundle.parts
    ]
    return sorted(parts, key=lambda part: (part["kind"], part["name"]))


def release_id(parts: Iterable[Mapping[str, Any]]) -> str:
    """The content address: SHA-256 over kind, name and digest of every part, as canonical JSON."""
    listed = sorted([part["kind"], part["name"], part["digest"]] for part in parts)
    return f"sha256:{sha256(canonical(listed))}"


def diff(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], contents: Mapping[str, str] | None
) -> list[wire.PartChange]:
    """What became of each part. `contents` by digest, of what is kept here; None: they may not be seen."""
    old = {(part["kind"], part["name"]): part for part in before}
    new = {(part["kind"], part["name"]): part for part in after}
    return [_change(key, old.get(key), new.get(key), contents) for key in sorted({**old, **new})]


def _change(
    key: tuple[str, str],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    contents: Mapping[str, str] | None,
) -> wire.PartChange:
    kind: Any = key[0]
    old = None if before is None else str(before["digest"])
    new = None if after is None else str(after["digest"])
    change: Any = "same" if old == new else "added" if old is None else "removed" if new is None else "changed"
    text = None
    if change != "same" and contents is not None and all(one is None or one in contents for one in (old, new)):
        text = _unified(contents.get(old or "", ""), contents.get(new or "", ""), key[1])
    return wire.PartChange(kind=kind, name=key[1], change=change, before=old, after=new, text=text)


def _unified(before: str, after: str, name: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"before/{name}", f"after/{name}"
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end\n" for line in lines)
    return text if len(text) <= _LONGEST_DIFF else text[:_LONGEST_DIFF] + "\n… the rest is left out\n"
