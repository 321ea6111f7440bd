"""Where the API listens: elsewhere than on this machine only when it can tell who asks."""

from __future__ import annotations

import pytest

from inventory.settings import ApiSettings


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches_is_local(monkeypatch: pytest.MonkeyPatch, host: str, local: bool) -> None:
    monkeypatch.setenv("MUSTER_API_HOST", host)
    monkeypatch.setenv("MUSTER_API_PORT", "8123")
    assert (ApiSettings().local, ApiSettings().port) == (local, 8123)
