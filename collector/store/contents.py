"""Content, kept once: SQL that cuts texts into pieces named by their digests. What is content says `contents.toml`.

Agents send the whole conversation again with every call. A text is cut where a message begins, and a piece that a
service has sent before on that day has its place already: what a conversation takes grows with what is new in it. A
text is its pieces put together, byte for byte.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources

ID_BYTES = 16
"""A piece's id is as many bytes of its SHA-256."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is content, and where it is cut."""

    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    long: int
    borders: tuple[str, ...]

    @property
    def macros(self) -> Mapping[str, Callable[[str], str]]:
        """How the schema's files ask for this."""
        return {
            "is_content": lambda arguments: self.is_content(*arguments.split(", ")),
            "is_long": lambda text: f"length({text}) >= {self.long}",
            "cut": self.cut,
            "piece_ids": piece_ids,
            "pieces": lambda arguments: pieces(*arguments.split(", ")),
        }

    def is_content(self, keys: str, texts: str) -> str:
        """SQL for an Array(UInt8): of each attribute, whether its text is content."""
        names = ", ".join(map(literal, self.names))
        return self.kept(f"k IN ({names})", "k, t", f"{keys}, {texts}", f"arrayExists(k -> {self.prefixed}, {keys})")

    def kept(self, named: str, each: str, arrays: str, in_pieces: str) -> str:
        """SQL for the same. `named` says of the name `k` whether it is one of `names`; `each` are the variables that
        stand for the elements of `arrays`, `k` and `t` among them; `in_pieces`, whether any name has a number.
        """
        plain = f"t != '' AND (length(t) >= {self.long} OR {named})"
        # Prefixes are only looked for where there are some: it takes as long as everything else here.
        return (
            f"if({in_pieces}, arrayMap(({each}) -> ({plain}) OR (t != '' AND ({self.prefixed})), {arrays}), "
            f"arrayMap(({each}) -> {plain}, {arrays}))"
        )

    @property
    def prefixed(self) -> str:
        """SQL for whether the name `k` is a prefix with a number after it."""
        return " OR ".join(
            f"(startsWith(k, {literal(prefix)}) AND substring(k, {len(prefix) + 1}, 1) BETWEEN '0' AND '9')"
            for prefix in self.prefixes
        )

    def cut(self, texts: str) -> str:
        """SQL for an Array(Array(String)): each text's pieces.

        A list's last bracket is a piece of its own, or the last message would be another one as soon as a next one
        came. The places are marked with a NUL, which no JSON text has in it.
        """
        listed = ", ".join(map(literal, self.borders))
        marked = ", ".join(map(literal_nul, self.borders))
        # Without a border nothing is to be found: no NUL is in these texts.
        border, mark = f"['\\0', {listed}][b + 1]", f"['\\0', {marked}][b + 1]"
        whole = "if(l, concat(substring(t, 1, length(t) - 1), '\\0]'), t)"
        return (
            f"arrayMap((t, b, l) -> if((b = 0 AND l = 0) OR position(t, '\\0') > 0, [t], "
            f"splitByChar('\\0', if(b = 0, {whole}, replaceAll({whole}, {border}, {mark})))), {texts}, "
            f"arrayMap(t -> multiSearchFirstIndex(t, [{listed}]), {texts}), "
            f"arrayMap(t -> startsWith(t, '[{{') AND endsWith(t, ']'), {texts}))"
        )


def piece_ids(cut: str) -> str:
    """SQL for an Array(Array(FixedString(16))) of what `cut` gave."""
    return (
        f"arrayMap(c -> arrayMap(p -> CAST(substring(SHA256(p), 1, {ID_BYTES}), 'FixedString({ID_BYTES})'), c), {cut})"
    )


def pieces(ids: str, cut: str) -> str:
    """SQL for an Array(Tuple(id, text)) of all pieces."""
    return f"arrayZip(arrayFlatten({ids}), arrayFlatten({cut}))"


def literal_nul(text: str) -> str:
    """SQL for a string with a NUL before it."""
    return f"'\\0{literal(text)[1:]}"


def load() -> Contents:
    """The table."""
    table = tomllib.loads(resources.files(__package__).joinpath("contents.toml").read_text())
    return Contents(tuple(table["names"]), tuple(table["prefixes"]), table["long"], tuple(table["borders"]))


def literal(text: str) -> str:
    """SQL for a string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
