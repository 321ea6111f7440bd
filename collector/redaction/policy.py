"""The policy: which texts may not reach a table as they are, and what stands in their place.

    extend = "shipped"                # the default; "none" for only these rules
    disable = ["phone"]               # shipped rules to leave out
    identity_attributes = ["user.id"] # instead of the shipped list: what its personal-data rules leave alone

    [[rule]]
    name = "customer"                 # lower case; it stands in the text
    pattern = 'C-[0-9]{8}\\b'         # RE2; or a list of them; or else:
    attribute = "app.customer.*"      # an attribute's name, * at the end for all that begin so
    action = "tokenise"               # mask, drop, tokenise
    orgs = ["acme"]                   # left out: all
    attributes = ["gen_ai.*"]         # a pattern only within these; left out: every text
    except_attributes = ["user.id"]
    before = 'customer '              # what must stand before and stays; `after` likewise
    check = "luhn"                    # also of the match: luhn, iban (check digits), phone (9 to 15 digits)

The file's rules go first, in its order, then the shipped ones in theirs.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from enum import StrEnum
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import re2
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from collector.redaction.gates import necessary
from collector.settings import CollectorSettings

SHIPPED = "shipped.toml"
MOST_RULES = 64
"""Each pattern adds to the statement of every view."""
_MOST_GROUPS = 6
_PROBES = ("", "a", "a b", "0", "-", ".", "a\nb")

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
_Attribute = Annotated[str, StringConstraints(pattern=r"^[^*]*(\*|[^*])$", max_length=200)]
_Attributes = Annotated[tuple[_Attribute, ...], Field(min_length=1)]
_Org = Annotated[str, StringConstraints(min_length=1)]


class PolicyError(Exception):
    """A policy can't be used; the message names the file, the rule, the field and the remedy."""


class Action(StrEnum):
    MASK = "mask"
    DROP = "drop"
    TOKENISE = "tokenise"


def _several(given: object) -> object:
    return [given] if isinstance(given, str) else given


class Rule(BaseModel):
    """One rule, as a file says it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    action: Action
    pattern: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    attribute: _Attribute | None = None
    orgs: Annotated[tuple[_Org, ...], Field(min_length=1)] | None = None
    attributes: _Attributes | None = None
    except_attributes: tuple[_Attribute, ...] = ()
    before: str = ""
    after: str = ""
    check: Literal["luhn", "iban", "phone"] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        if bool(self.pattern) == bool(self.attribute):
            raise ValueError("give exactly one of pattern and attribute")
        if self.attribute and (self.attributes or self.except_attributes or self.before or self.after or self.check):
            raise ValueError(
                "attributes, except_attributes, before, after and check belong to a pattern: leave them out"
            )
        if self.pattern:
            for field in ("before", "after"):
                if _compile(getattr(self, field), field).groups:
                    raise ValueError(f"{field} may not capture: write (?:…) for (…)")
            for number, part in enumerate(self.pattern, 1):
                _compile(part, f"pattern {number}" if len(self.pattern) > 1 else "pattern")
            whole = _compile(self.core, "pattern")
            if whole.groups > _MOST_GROUPS:
                raise ValueError(f"pattern may capture {_MOST_GROUPS} groups at most: write (?:…) for (…)")
            if any(found.group() == "" for probe in _PROBES for found in whole.finditer(probe)):
                raise ValueError("pattern matches where nothing is: ask for one character at least")
        return self

    @property
    def core(self) -> str:
        """The pattern of what is replaced, as one."""
        return self.pattern[0] if len(self.pattern) == 1 else "|".join(f"(?:{part})" for part in self.pattern)

    @property
    def regexp(self) -> str:
        """Three groups around what is replaced: what stays before (1), the match (2), what stays after (`last`)."""
        return f"(?-s)({self.before})({self.core})({self.after})"

    @cached_property
    def last(self) -> int:
        return 3 + int(_compile(self.core, "pattern").groups)

    @property
    def gates(self) -> tuple[str, ...] | None:
        """Patterns one of which is in every text this rule matches in, or None where only the rule itself can say."""
        found = [necessary(part) for part in self.pattern]
        return tuple(gate for gate in found if gate) if all(found) else None

    def applies(self, org: str, key: str) -> bool:
        """Whether a text of this organisation, under this attribute ("" for none), is the rule's business."""
        if self.orgs is not None and org not in self.orgs:
            return False
        if self.attribute is not None:
            return covers((self.attribute,), key)
        return (self.attributes is None or covers(self.attributes, key)) and not covers(self.except_attributes, key)


class _ShippedRule(Rule):
    gate: Annotated[tuple[str, ...], Field(min_length=1)]
    identities: bool = False

    @property
    def gates(self) -> tuple[str, ...] | None:
        return self.gate


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    extend: Literal["shipped", "none"] = "shipped"
    disable: tuple[_Name, ...] = ()
    identity_attributes: tuple[_Attribute, ...] | None = None
    rule: tuple[Rule, ...] = ()


class _Shipped(BaseModel):
    model_config = ConfigDict(extra="forbid")

    identity_attributes: tuple[_Attribute, ...]
    rule: tuple[_ShippedRule, ...]


class Policy:
    """Rules in the order in which they are applied. `id` is the same for policies that do the same."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self.by_attribute = tuple(rule for rule in rules if rule.attribute)
        self.by_pattern = tuple(rule for rule in rules if rule.pattern)
        self.names = tuple(dict.fromkeys(rule.name for rule in rules))
        self.id = hashlib.sha256(json.dumps([_content(rule) for rule in rules]).encode()).hexdigest()[:16]


def covers(attributes: tuple[str, ...], key: str) -> bool:
    """Whether an attribute is one of these names or begins like one that ends in *."""
    return bool(key) and any(key.startswith(name[:-1]) if name.endswith("*") else key == name for name in attributes)


def shipped() -> Policy:
    """What holds where nobody wrote a file."""
    return _policy(_File(), SHIPPED)


def load(path: Path) -> Policy:
    """The policy of a file. Raises `PolicyError`, or OSError where it can't be read."""
    return parse(path.read_bytes(), path.name)


def policy_of(settings: CollectorSettings) -> Policy:
    """The policy that a collector is set to. Raises `PolicyError`."""
    return load(settings.redaction_file) if settings.redaction_file else shipped()


def parse(content: bytes, name: str) -> Policy:
    """As `load`; `name` is what errors call the file."""
    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise PolicyError(f"{name} is not UTF-8: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name} is not TOML: {error}") from None
    try:
        return _policy(_File.model_validate(table), name)
    except ValidationError as error:
        raise PolicyError("\n".join(_complaints(name, table, error))) from None


def _policy(file: _File, name: str) -> Policy:
    rules = file.rule
    if file.extend == "shipped":
        ours = _Shipped.model_validate(tomllib.loads(resources.files(__package__).joinpath(SHIPPED).read_text()))
        if unknown := set(file.disable) - {rule.name for rule in ours.rule}:
            known = ", ".join(rule.name for rule in ours.rule)
            called = ", ".join(sorted(unknown))
            raise PolicyError(f"{name}, disable: no shipped rule is called {called}; there are {known}")
        spared = ours.identity_attributes if file.identity_attributes is None else file.identity_attributes
        rules += tuple(
            rule.model_copy(update={"except_attributes": spared} if rule.identities else None)
            for rule in ours.rule
            if rule.name not in file.disable
        )
    elif file.disable or file.identity_attributes is not None:
        raise PolicyError(f'{name}: disable and identity_attributes are about shipped rules: set extend = "shipped"')
    if len(rules) > MOST_RULES:
        raise PolicyError(f"{name}: {len(rules)} rules are more than {MOST_RULES}: join patterns into lists")
    return Policy(rules)


def _complaints(name: str, table: dict[str, Any], error: ValidationError) -> list[str]:
    found: list[str] = []
    for problem in error.errors():
        where = [name]
        location = list(problem["loc"])
        if location[:1] == ["rule"] and len(location) > 1 and isinstance(location[1], int):
            rule = table["rule"][location[1]]
            called = rule.get("name") if isinstance(rule, dict) else None
            where.append(f"rule {location[1] + 1}" + (f" ({called})" if isinstance(called, str) else ""))
            location = location[2:]
        if location:
            where.append(".".join(map(str, location)))
        known = ", ".join(Rule.model_fields if len(where) > 2 else _File.model_fields)
        words = f"unknown; there are {known}" if problem["type"] == "extra_forbidden" else problem["msg"]
        found.append(f"{', '.join(where)}: {words.removeprefix('Value error, ')}")
    return found


def _content(rule: Rule) -> dict[str, object]:
    """What a rule does, whatever order its lists were written in."""
    content = rule.model_dump(mode="json", exclude={"gate", "identities"})
    return {
        field: sorted(set(value)) if field in ("orgs", "attributes", "except_attributes") and value else value
        for field, value in content.items()
    }


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _compile(pattern: str, field: str) -> Any:
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error.args[0])
        raise ValueError(f"{field} is not a regular expression that RE2 reads ({why})") from None
