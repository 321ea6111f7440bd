"""The policy as SQL for the views that fill the tables.

`suspicious` asks once for a whole row whether any rule might touch it; only where it says so is anything else
evaluated (`if` evaluates its branches for the rows that need them). All of it is total: no text makes it throw.
The key of tokens is a column, never a literal: a view's statement is on disk.
"""

from __future__ import annotations

from collector.redaction.checks import checks
from collector.redaction.marks import CLOSE, OPEN, REPLACEMENT, TAKEN, mark
from collector.redaction.policy import Action, Policy, Rule

COUNTS = "Map(LowCardinality(String), UInt32)"
_NO_KEYS = "['']"
_NO_COUNTS = f"CAST(map(), '{COUNTS}')"


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + "".join(_escaped(character) for character in text) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02X}" for byte in character.encode())


class RedactionSql:
    """SQL of one policy. `org` is an expression for a String; `keys` and `texts` for Array(String) of one length;
    `key` for the key of tokens (where it is empty there are masks instead)."""

    def __init__(self, policy: Policy, key: str = "redaction_key") -> None:
        self._policy = policy
        self._key = key
        self._checks = checks()
        self._numbers = {id(rule): number for number, rule in enumerate(policy.rules)}
        self._gates: list[str] = []
        self._gateless: list[Rule] = []
        for rule in policy.by_pattern:
            gates = rule.gates
            if gates is None:
                self._gateless.append(rule)
            else:
                self._gates += gates

    def suspicious(self, org: str, keys: str, texts: str) -> str:
        """UInt8: 0 where no rule would change any of the texts."""
        terms: list[str] = []
        if self._gates:
            terms.append(f"multiMatchAny(arrayStringConcat({texts}, '\\n'), {_array(self._gates)})")
        for rule in self._gateless:
            said = f"arrayExists(t -> match(t, {literal(rule.regexp)}), {texts})"
            terms.append(_all([*_of_org(rule, org), said]))
        terms += [_all([*_of_org(rule, org), _any_covered(rule, keys)]) for rule in self._policy.by_attribute]
        return f"toUInt8({' OR '.join(terms)})" if terms else "0"

    def redacted(self, suspicious: str, org: str, keys: str, texts: str) -> str:
        """Array(String): the texts as they may be stored."""
        if not self._policy.rules:
            return texts
        return f"if({suspicious}, tupleElement({self._applied(org, keys, texts)}, 1), {texts})"

    def counted(self, suspicious: str, org: str, keys: str, texts: str) -> str:
        """Map(LowCardinality(String), UInt32): replacements by rule; rules that made none are left out."""
        if not self._policy.rules:
            return _NO_COUNTS
        return f"if({suspicious}, tupleElement({self._applied(org, keys, texts)}, 2), {_NO_COUNTS})"

    def suspicious_text(self, org: str, text: str) -> str:
        """As `suspicious`, for one text that is no attribute's."""
        return self.suspicious(org, _NO_KEYS, f"[{text}]")

    def redacted_text(self, suspicious: str, org: str, text: str) -> str:
        """String: as `redacted`, for one text that is no attribute's."""
        return f"{self.redacted(suspicious, org, _NO_KEYS, f'[{text}]')}[1]" if self._policy.rules else text

    def counted_text(self, suspicious: str, org: str, text: str) -> str:
        """As `counted`, for one text that is no attribute's."""
        return self.counted(suspicious, org, _NO_KEYS, f"[{text}]")

    def _applied(self, org: str, keys: str, texts: str) -> str:
        """Tuple of the redacted texts and the counts. An `if` around the tuple would copy more than one around each."""
        marked = (
            f"arrayMap((k, t) -> if({self._touched(org, 'k', 't')}, {self._marked(org, 'k', 't')}, t), {keys}, {texts})"
        )
        shown = f"arrayMap((x, t) -> if(multiMatchAny(x, {_array([TAKEN])}), {self._shown('x')}, t), m, {texts})"
        return f"arrayMap(m -> ({shown}, {self._counts('m')}), [{marked}])[1]"

    def _touched(self, org: str, key: str, text: str) -> str:
        """Whether one text must be looked at closely. One that holds marks must, or they would be taken for ours."""
        terms = [f"multiMatchAny({text}, {_array([*self._gates, TAKEN])})"]
        terms += [f"match({text}, {literal(rule.regexp)})" for rule in self._gateless]
        terms += [_all([*_of_org(rule, org), _covered(rule.attribute, key)]) for rule in self._policy.by_attribute]
        return " OR ".join(terms)

    def _marked(self, org: str, key: str, text: str) -> str:
        whole = [part for rule in self._policy.by_attribute for part in self._whole(rule, org, key, text)]
        chain = f"replaceRegexpAll({text}, {literal(TAKEN)}, {literal(REPLACEMENT)})"
        for rule in self._policy.by_pattern:
            chain = self._replaced(rule, org, key, chain)
        return f"multiIf({', '.join([*whole, chain])})" if whole else chain

    def _whole(self, rule: Rule, org: str, key: str, text: str) -> tuple[str, str]:
        token, masked = literal(rf"^\[{rule.name}:[0-9a-f]{{16}}\]$"), literal(f"[redacted:{rule.name}]")
        done = f"match({text}, {token})" if rule.action is Action.TOKENISE else f"{text} = {masked}"
        condition = _all([f"{text} != ''", *_of_org(rule, org), _covered(rule.attribute, key), f"NOT {done}"])
        return condition, self._instead(rule, text)

    def _replaced(self, rule: Rule, org: str, key: str, text: str) -> str:
        """`text` stands once in what this returns: each rule's SQL is around the one before."""
        looked_at = rule.action is Action.TOKENISE or rule.check is not None
        marked = mark(self._numbers[id(rule)])
        with_mark = rf"\1{CLOSE}{OPEN}\2{CLOSE}\{rule.last}" if looked_at else rf"\1{marked}\{rule.last}"
        conditions = _of_org(rule, org)
        if rule.attributes is not None:
            conditions.append(_all_covered(rule.attributes, key))
        if rule.except_attributes:
            conditions.append(f"NOT {_all_covered(rule.except_attributes, key)}")
        with_what = literal(with_mark)
        if conditions:
            with_what = f"if({_all(conditions)}, {with_what}, '\\\\0')"
        replaced = f"replaceRegexpAll({text}, {literal(rule.regexp)}, {with_what})"
        if not looked_at:
            return replaced
        piece = f"substring(x, {len(OPEN.encode()) + 1})"
        instead = self._instead(rule, piece)
        if rule.check:
            instead = f"if({self._checks[rule.check].sql(piece)}, {instead}, {piece})"
        return (
            f"arrayStringConcat(arrayMap(x -> if(startsWith(x, {literal(OPEN)}), {instead}, x), "
            f"splitByString({literal(CLOSE)}, {replaced})))"
        )

    def _instead(self, rule: Rule, text: str) -> str:
        marked = mark(self._numbers[id(rule)])
        if rule.action is not Action.TOKENISE:
            return literal(marked)
        masked = literal(f"{marked}[redacted:{rule.name}]")
        digest = f"substring(lower(hex(HMAC('sha256', {text}, {self._key}))), 1, 16)"
        return f"if({self._key} = '', {masked}, concat({literal(f'{marked}[{rule.name}:')}, {digest}, ']'))"

    def _shown(self, text: str) -> str:
        for number, rule in enumerate(self._policy.rules):
            shown = f"[redacted:{rule.name}]" if rule.action is Action.MASK else ""
            text = f"replaceAll({text}, {literal(mark(number))}, {literal(shown)})"
        return text

    def _counts(self, texts: str) -> str:
        pairs: list[str] = []
        for name in self._policy.names:
            marks = [literal(mark(number)) for number, rule in enumerate(self._policy.rules) if rule.name == name]
            found = " + ".join(f"countSubstrings(j, {one})" for one in marks)
            pairs.append(f"{literal(name)}, toUInt32({found})")
        counted = f"mapFilter((k, n) -> n > 0, map({', '.join(pairs)}))"
        return f"CAST(arrayMap(j -> {counted}, [arrayStringConcat({texts})])[1], '{COUNTS}')"


def _array(texts: list[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"


def _all(terms: list[str]) -> str:
    return f"({' AND '.join(terms)})"


def _of_org(rule: Rule, org: str) -> list[str]:
    return [f"{org} IN ({', '.join(map(literal, rule.orgs))})"] if rule.orgs is not None else []


def _covered(attribute: str | None, key: str) -> str:
    assert attribute is not None
    return _all_covered((attribute,), key)


def _all_covered(attributes: tuple[str, ...], key: str) -> str:
    """Whether one of these names or beginnings is the key's."""
    exact = [literal(name) for name in attributes if not name.endswith("*")]
    terms = [f"{key} IN ({', '.join(exact)})"] if exact else []
    terms += [f"({key} != '' AND startsWith({key}, {literal(n[:-1])}))" for n in attributes if n.endswith("*")]
    return f"({' OR '.join(terms)})"


def _any_covered(rule: Rule, keys: str) -> str:
    assert rule.attribute is not None
    if rule.attribute.endswith("*"):
        return f"arrayExists(k -> {_covered(rule.attribute, 'k')}, {keys})"
    return f"has({keys}, {literal(rule.attribute)})"
