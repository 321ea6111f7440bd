"""The prices that hold now: the user's own file first, then genai-prices' list, under one version."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Self

from genai_prices import data_snapshot

from collector import price_file
from collector.price_file import PriceFileError
from collector.price_table import misfit
from collector.pricing import PriceRow, Prices

PRICES_FILE_SETTING = "MUSTER_COLLECTOR_PRICES_FILE"
_LIST = "genai-prices"
_RULES = 1  # one more whenever the same prices come to other costs


class PriceBook:
    """Prices and their version. A book never changes: another file or list is another book."""

    def __init__(self, own: Sequence[PriceRow] = (), snapshot: data_snapshot.DataSnapshot | None = None) -> None:
        self.own = tuple(own)
        self._snapshot = snapshot or data_snapshot.get_snapshot()
        self.prices = Prices(self.own, self._snapshot)

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The book with the user's own prices. Raises `PriceFileError`, which names the price and the remedy."""
        own = price_file.load(path) if path else []
        for row in own:
            if problem := misfit(row):
                raise PriceFileError(f"{path}, price {row.source.rpartition('#')[2]}, {row.model}: {problem}")
        return cls(own)

    @cached_property
    def version(self) -> str:
        """12 hex digits, the same for the same prices: they are on every call that was priced by this book."""
        digest = hashlib.sha256(f"{_RULES}\n{self.list_version}\n{self._snapshot.providers!r}".encode())
        for row in self.own:
            digest.update(row.id.encode())
        return digest.hexdigest()[:12]

    @property
    def list_version(self) -> str:
        """The list's name and version."""
        return f"{_LIST} {version(_LIST)}"
