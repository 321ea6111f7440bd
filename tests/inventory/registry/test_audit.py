"""The audit chain: what is changed, removed, moved or cut off is found, and writers at once make one chain."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from inventory import audit
from inventory.anchors import AnchorError, FileAnchor, Signer, anchor_head, anchored_heads
from inventory.audit import Entry, Head
from inventory.db.engine import Database

NOW = datetime(2026, 3, 2, 2, 14, 7, 512345, UTC)


def _entry(number: int) -> Entry:
    before = None if number % 3 == 0 else {"n": number - 1, "text": "ä\u2028\U0001f600"}
    return Entry("default", f"person:{number % 4}", "agent.update", "agent", f"a{number}", before, {"n": number}, "r1")


def _write(database: Database, count: int, first: int = 1) -> Head:
    with database.writing() as session:
        for number in range(first, first + count):
            audit.append(database, session, [_entry(number)], NOW + timedelta(seconds=number))
        return audit.head(session)


def _tamper(database: Database, *statements: str) -> None:
    """As somebody who owns the database can."""
    guards = (
        ["DROP TRIGGER audit_refuses_update", "DROP TRIGGER audit_refuses_delete"]
        if database.sqlite
        else ["ALTER TABLE audit DISABLE TRIGGER ALL"]
    )
    with database.writing() as session:
        for statement in [*guards, *statements]:
            session.execute(text(statement))


def _verdict(database: Database, *anchors: Head) -> audit.Verdict:
    with database.reading() as session:
        return audit.verify(session, anchors)


def test_a_chain_that_nobody_touched_holds(database: Database) -> None:
    assert _verdict(database) == audit.Verdict(Head(0, audit.GENESIS), 0, 0, [])
    newest = _write(database, 25)
    assert _verdict(database, Head(0, audit.GENESIS), newest) == audit.Verdict(newest, 25, 2, [])


def test_the_database_refuses_to_change_or_remove_an_entry(database: Database) -> None:
    _write(database, 3)
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit WHERE seq = 3", "TRUNCATE audit"):
        if database.sqlite and statement.startswith("TRUNCATE"):
            continue
        with pytest.raises((DBAPIError, IntegrityError), match="append-only"), database.writing() as session:
            session.execute(text(statement))
    assert _verdict(database).intact


COLUMNS = ("at", "org", "actor", "action", "kind", "object", "before", "after", "request_id", "previous", "hash")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seq", [1, 7, 12])
def test_any_changed_entry_is_found(database: Database, column: str, seq: int) -> None:
    _write(database, 12)
    value = "'2026-03-02 02:14:07.000001'" if column == "at" else "'changed'"
    _tamper(database, f"UPDATE audit SET {column} = {value} WHERE seq = {seq}")
    breaks = _verdict(database).breaks
    assert breaks
    assert {one.seq for one in breaks} <= {seq, seq + 1}


@pytest.mark.parametrize("seq", range(1, 12))
def test_any_removed_entry_is_found(database: Database, seq: int) -> None:
    _write(database, 12)
    _tamper(database, f"DELETE FROM audit WHERE seq = {seq}")
    (first, *_) = _verdict(database).breaks
    assert (first.seq, "gone" in first.reason) == (seq + 1, True)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 9), (11, 12)])
def test_entries_that_changed_places_are_found(database: Database, one: int, other: int) -> None:
    _write(database, 12)
    _tamper(
        database,
        f"UPDATE audit SET seq = 1000 WHERE seq = {one}",
        f"UPDATE audit SET seq = {one} WHERE seq = {other}",
        f"UPDATE audit SET seq = {other} WHERE seq = 1000",
    )
    assert not _verdict(database).intact


def test_a_removed_entry_whose_followers_were_numbered_anew_is_found(database: Database) -> None:
    _write(database, 12)
    _tamper(
        database,
        "DELETE FROM audit WHERE seq = 5",
        *(f"UPDATE audit SET seq = {seq - 1} WHERE seq = {seq}" for seq in range(6, 13)),
    )
    assert not _verdict(database).intact


@pytest.mark.parametrize("left", [0, 1, 11])
def test_a_tail_that_was_cut_off_is_found_by_the_signed_head(database: Database, left: int) -> None:
    newest = _write(database, 12)
    _tamper(database, f"DELETE FROM audit WHERE seq > {left}")
    assert _verdict(database).intact  # from inside it can't be seen
    (found,) = _verdict(database, newest).breaks
    assert (found.seq, "cut off" in found.reason) == (12, True)


def test_a_chain_that_was_written_anew_after_a_cut_is_found_by_the_signed_head(database: Database) -> None:
    newest = _write(database, 12)
    _tamper(database, "DELETE FROM audit WHERE seq > 10")
    _write(database, 5, first=100)
    assert _verdict(database).intact
    (found,) = _verdict(database, newest).breaks
    assert (found.seq, found.reason) == (12, "it is not the entry whose hash was signed")


def test_writers_at_once_make_one_chain(database: Database) -> None:
    errors: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 20):
                with database.writing() as session:
                    audit.append(database, session, [_entry(number), _entry(number + 1)], NOW)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(1000 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    verdict = _verdict(database)
    assert (verdict.entries, verdict.intact) == (6 * 20 * 2, True)


def test_what_is_rolled_back_leaves_no_gap(database: Database) -> None:
    _write(database, 2)

    def write_and_fail() -> None:
        with database.writing() as session:
            audit.append(database, session, [_entry(3)], NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    _write(database, 2, first=3)
    assert (_verdict(database).entries, _verdict(database).intact) == (4, True)


def test_signed_heads_outlive_a_crash_and_tell_a_forged_one(tmp_path: Path) -> None:
    signer = Signer.of(tmp_path / "keys" / "audit.pem")
    assert Signer.of(tmp_path / "keys" / "audit.pem").key_id == signer.key_id
    assert (tmp_path / "keys" / "audit.pem").stat().st_mode & 0o777 == 0o600
    path = tmp_path / "anchors"
    anchor = FileAnchor(path)
    heads = [Head(number, f"{number:064x}") for number in (3, 9)]
    for head in heads:
        anchor_head(anchor, signer, head, NOW)
    assert anchored_heads(anchor, signer) == heads
    written = path.read_text()
    path.write_text(written.replace('"seq":9', '"seq":8'))
    with pytest.raises(AnchorError, match="line 2"):
        anchored_heads(anchor, signer)
    path.write_text(written)
    with pytest.raises(AnchorError, match="line 1"):
        anchored_heads(anchor, Signer.of(tmp_path / "other.pem"))


def test_a_database_that_is_gone_is_said_without_its_password(tmp_path: Path) -> None:
    database = Database("postgresql://muster:hunter2@127.0.0.1:9/nothing")
    with pytest.raises(Exception, match="MUSTER_DATABASE_URL") as caught, database.reading() as session:
        session.execute(text("SELECT 1"))
    assert "hunter2" not in f"{caught.value} {database!r} {caught.getrepr(style='value')}"
    assert isinstance(caught.value.__cause__, OperationalError)
