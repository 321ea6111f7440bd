"""Commands print to a terminal wide enough that no table is squeezed, whatever this one is."""

from __future__ import annotations

import pytest
from rich.console import Console

from deploy import cli, price, prices, redaction, retention, seals

_WIDE = 240


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(_WIDE))
    for module in (cli, price, prices, redaction, retention, seals):
        monkeypatch.setattr(module, "out", Console(width=_WIDE))
    for module in (cli, redaction):
        monkeypatch.setattr(module, "err", Console(width=_WIDE, stderr=True))
