"""A change of the registry: one transaction that holds the change, its audit entries, its versions and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from inventory import audit
from inventory.auth.caller import Caller
from inventory.canonical import canonical, sha256
from inventory.db.engine import Database
from inventory.db.models import Answer, Kept, Release, Version
from inventory.registry.errors import Clash, Stale, Unconditional

KEPT_ANSWERS: Final = timedelta(hours=48)
"""How long a POST that is sent again with its Idempotency-Key gets the answer it had."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A request: who asks, what for, and under which conditions."""

    caller: Caller
    request_id: str
    if_match: str | None = None
    idempotency_key: str | None = None
    what: str = ""
    """Method and path."""


@dataclass(slots=True)
class Change:
    """What a transaction is about to change. Entries are written at its end, so that the chain is held for moments."""

    session: Session
    asking: Asking
    at: datetime
    entries: list[audit.Entry] = field(default_factory=list)

    @property
    def org(self) -> str:
        return self.asking.caller.org

    @property
    def actor(self) -> str:
        return self.asking.caller.actor

    def record(self, action: str, kind: str, name: str, before: Any, after: Any) -> None:
        """For the audit log."""
        self.entries.append(
            audit.Entry(self.org, self.actor, f"{kind}.{action}", kind, name, before, after, self.asking.request_id)
        )

    def version(self, kind: str, name: str, revision: int, document: dict[str, Any] | None) -> None:
        """From now on the object is this; None: it is gone."""
        self.session.execute(
            update(Version)
            .where(Version.org == self.org, Version.kind == kind, Version.object == name, Version.valid_to.is_(None))
            .values(valid_to=self.at, published=False)
        )
        self.session.add(
            Version(
                org=self.org,
                kind=kind,
                object=name,
                revision=revision,
                valid_from=self.at,
                valid_to=None,
                document=document,
                published=False,
            )
        )

    def expects(self, what: str, name: str, row: Kept | Release | None) -> None:
        """Raises unless the request was made for the row as it is; None: there is none. `*` is made for any."""
        given = self.asking.if_match
        if row is None:
            if given is not None:
                raise Stale(what, name, None)
            return
        if given is None:
            raise Unconditional(what, name)
        tags = {tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")}
        if "*" not in tags and str(row.revision) not in tags:
            raise Stale(what, name, row.revision)


@dataclass(frozen=True, slots=True)
class Answered:
    """`again`: the same request was answered before, and nothing was done now."""

    status: int
    body: str
    headers: dict[str, str]
    again: bool


class Registry:
    """The database and its clock. Safe to share between threads."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.database = database
        self.now = now

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self.database.reading() as session:
            yield session

    @contextmanager
    def changing(self, asking: Asking) -> Iterator[Change]:
        """All of it happens, or nothing. Raises DatabaseError."""
        try:
            with self.database.writing() as session:
                change = Change(session, asking, self.now())
                yield change
                session.flush()
                if change.entries:
                    audit.append(self.database, session, change.entries, change.at)
        except IntegrityError as error:
            if not _is_race(error):
                raise
            raise Clash(
                "Somebody else did this at the same time",
                "What this refers to was made, taken or removed by another request while it ran.",
                "read it again, and send the request again if it is still right",
            ) from None

    def once(self, asking: Asking, asked: Any, act: Callable[[Change], tuple[int, str, dict[str, str]]]) -> Answered:
        """Do what a POST asks; with an Idempotency-Key, once. `asked` is its body, `act` gives status, body, headers.

        Raises Clash when the key was used for something else.
        """
        with self.changing(asking) as change:
            if asking.idempotency_key is None:
                return Answered(*act(change), again=False)
            request = sha256(canonical([asking.what, asked]))
            if not self._take(change, request):
                kept = change.session.get_one(Answer, (change.org, change.actor, asking.idempotency_key))
                if kept.request != request:
                    raise Clash(
                        "This Idempotency-Key is taken",
                        "It was sent before with another request.",
                        "send a new key with a new request, and the same key only with the same one",
                        "idempotency-key-reused",
                    )
                return Answered(kept.status, kept.body, kept.headers, again=True)
            status, body, headers = act(change)
            row = change.session.get_one(Answer, (change.org, change.actor, asking.idempotency_key))
            row.status, row.body, row.headers = status, body, headers
            return Answered(status, body, headers, again=False)

    def _take(self, change: Change, request: str) -> bool:
        """Whether nobody had this key before. Who has it under way is waited for."""
        change.session.execute(delete(Answer).where(Answer.created_at < change.at - KEPT_ANSWERS))
        insert = sqlite.insert if self.database.sqlite else postgresql.insert
        taken = change.session.execute(
            insert(Answer)
            .values(
                org=change.org,
                actor=change.actor,
                key=change.asking.idempotency_key,
                request=request,
                status=0,
                headers={},
                body="",
                created_at=change.at,
            )
            .on_conflict_do_nothing()
            .returning(Answer.key)
        )
        return taken.first() is not None


def _is_race(error: IntegrityError) -> bool:
    """A key that is taken, or a reference to what is gone: every other refusal of the database is our mistake."""
    state = getattr(error.orig, "sqlstate", None)
    return state in ("23503", "23505") or str(error.orig).startswith(("UNIQUE ", "FOREIGN KEY "))


def newest_revision(session: Session, org: str, kind: str, name: str) -> int:
    """Of what was before too: an object that comes back goes on counting. 0: it never was."""
    found = session.scalar(
        select(Version.revision)
        .where(Version.org == org, Version.kind == kind, Version.object == name)
        .order_by(Version.revision.desc())
        .limit(1)
    )
    return found or 0
