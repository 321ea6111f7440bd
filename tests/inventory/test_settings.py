"""Without knowing who asks, the API answers on this machine only."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from inventory.settings import ApiSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_allowed(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("MUSTER_API_HOST", host)
    monkeypatch.setenv("MUSTER_API_PORT", "8123")
    assert (ApiSettings().host, ApiSettings().port) == (host, 8123)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "muster.example", ""])
def test_any_other_address_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("MUSTER_API_HOST", host)
    with pytest.raises(ValidationError, match="SSH tunnel"):
        ApiSettings()
