"""The policy applied to one text, in Python. The engine does the same in SQL (`sql.py`); a test compares them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

import re2

from collector.redaction.checks import checks
from collector.redaction.marks import REPLACEMENT, TAKEN, mark
from collector.redaction.policy import Action, Policy, Rule

_TOKEN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text as it may be stored, and how many replacements each rule made in it; rules that made none are left out."""

    text: str
    counts: dict[str, int]


class Redactor:
    """`key` is `RedactionKeys.token`; without one there are masks where tokens would be."""

    def __init__(self, policy: Policy, key: str) -> None:
        self.policy = policy
        self._key = key.encode()
        self._numbers = {id(rule): number for number, rule in enumerate(policy.rules)}
        self._checks = checks()
        self._compiled = [(rule, re2.compile(rule.regexp)) for rule in policy.by_pattern]
        self._taken = re2.compile(TAKEN)

    def redact(self, org: str, key: str, text: str) -> Redacted:
        """What becomes of a text under an attribute's name ("" for none)."""
        if not text:
            return Redacted(text, {})
        for rule in self.policy.by_attribute:
            if rule.applies(org, key) and not self._is_done(rule, text):
                return self._finish(self._instead(rule, text))
        whole = text
        if self._taken.search(text):
            text = self._taken.sub(lambda _: REPLACEMENT, text)
        for rule, pattern in self._compiled:
            if rule.applies(org, key):
                text = self._replace(rule, pattern, text)
        return self._finish(text) if self._taken.search(text) else Redacted(whole, {})

    def _replace(self, rule: Rule, pattern: Any, text: str) -> str:
        def instead(match: Any) -> str:
            if rule.check and not self._checks[rule.check].holds(match[2]):
                return str(match[0])
            return f"{match[1]}{self._instead(rule, match[2])}{match[rule.last]}"

        return str(pattern.sub(instead, text))

    def _instead(self, rule: Rule, text: str) -> str:
        marked = mark(self._numbers[id(rule)])
        if rule.action is not Action.TOKENISE:
            return marked
        if not self._key:
            return f"{marked}[redacted:{rule.name}]"
        digest = hmac.digest(self._key, text.encode(), "sha256").hex()
        return f"{marked}[{rule.name}:{digest[:_TOKEN_DIGITS]}]"

    def _is_done(self, rule: Rule, text: str) -> bool:
        """Whether a value is already what this rule makes of one: a request put back is redacted twice."""
        if rule.action is Action.TOKENISE:
            return bool(re2.fullmatch(rf"\[{rule.name}:[0-9a-f]{{{_TOKEN_DIGITS}}}\]", text))
        return text == f"[redacted:{rule.name}]"

    def _finish(self, marked: str) -> Redacted:
        counts: dict[str, int] = {}
        for number, rule in enumerate(self.policy.rules):
            found = marked.count(mark(number))
            if found:
                counts[rule.name] = counts.get(rule.name, 0) + found
                shown = f"[redacted:{rule.name}]" if rule.action is Action.MASK else ""
                marked = marked.replace(mark(number), shown)
        return Redacted(marked, counts)
