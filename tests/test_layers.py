"""Who may import whom, read from the syntax trees. There is no list of exceptions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("collector", "inventory", "lifecycle", "exporters", "dashboards", "deploy")
MAY_IMPORT = {
    "collector": set[str](),
    "inventory": {"collector"},
    "lifecycle": {"collector", "inventory"},
    "exporters": {"collector", "inventory"},
    "dashboards": {"inventory.client", "inventory.contract"},
    "deploy": {"collector", "inventory", "lifecycle", "exporters"},
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            # `from inventory import client` imports the module inventory.client as well.
            is_package = (ROOT / Path(*node.module.split("."))).is_dir()
            yield from (f"{node.module}.{alias.name}" for alias in node.names) if is_package else (node.module,)


def _allowed(folder: str, module: str) -> bool:
    return module.split(".")[0] == folder or any(
        module == allowed or module.startswith(f"{allowed}.") for allowed in MAY_IMPORT[folder]
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_what_lies_below_it(folder: str) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    assert files, f"{folder} is gone"
    broken = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in _imports(path)
        if module.split(".")[0] in (*FOLDERS, "tests") and not _allowed(folder, module)
    ]
    assert not broken


def test_no_folder_imports_inside_functions() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not hidden
