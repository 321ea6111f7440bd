"""The key is made once, is its owner's alone, and shows nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from collector.redaction.keys import FILE, KeyFileError, load_keys


def test_a_key_is_made_on_first_use_and_stays(tmp_path: Path) -> None:
    keys = load_keys(tmp_path / "new")
    path = tmp_path / "new" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keys(tmp_path / "new").token == keys.token
    assert keys.token != keys.arguments
    assert len(keys.token) == 64
    assert path.read_text().strip() not in (keys.token, keys.arguments)
    assert list(path.parent.iterdir()) == [path]


def test_a_key_shows_nothing(tmp_path: Path) -> None:
    keys = load_keys(tmp_path)
    for shown in (repr(keys), str(keys), f"{keys}"):
        assert keys.token not in shown
        assert keys.arguments not in shown


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    load_keys(tmp_path)
    (tmp_path / FILE).chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_keys(tmp_path)


def test_a_broken_key_is_refused_without_quoting_it(tmp_path: Path) -> None:
    load_keys(tmp_path)
    (tmp_path / FILE).write_text("secret-but-short")
    with pytest.raises(KeyFileError, match="64 hexadecimal digits") as raised:
        load_keys(tmp_path)
    assert "short" not in str(raised.value)
