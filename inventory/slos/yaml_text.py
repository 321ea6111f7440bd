"""YAML of people we don't know: no tags, no aliases, no key twice, numbers as they were written."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import yaml

MAX_BYTES: Final = 256 * 1024


class _Loader(yaml.SafeLoader):
    """As SafeLoader, and stricter."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not taken: write it out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {', '.join(sorted(twice))} is there twice")
        return super().construct_mapping(node, deep)


def _number(loader: _Loader, node: Any) -> Any:
    text = loader.construct_scalar(node).replace("_", "")
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def documents(text: str) -> list[Any]:
    """Every document that isn't empty. Raises ValueError with the place and the reason."""
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES // 1024} KiB: send it in parts")
    try:
        return [one for one in yaml.load_all(text, _Loader) if one is not None]
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"it is no YAML: {place}{error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"it is no YAML that is taken here: {str(error).splitlines()[0]}") from None
