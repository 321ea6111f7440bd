"""Who gets in, what they may see of content, how often they may ask, and what is noted of it."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, text, update

from collector.errors import Unauthenticated
from collector.receivers.auth import Anonymous
from collector.signals import Method, Principal
from collector.store.connection import Store
from collector.store.writer import Writer
from inventory import reading_log
from inventory.anchors import Signer
from inventory.app import api_app
from inventory.auth import local
from inventory.auth.authenticator import Authenticator
from inventory.auth.caller import Caller, Kind
from inventory.auth.errors import NotAuthenticated
from inventory.auth.ingest import IngestTokens, Nobody
from inventory.auth.roles import Grant, Role
from inventory.client import InventoryClient, NotAllowed
from inventory.contract.agents import AgentSpec
from inventory.contract.people import NewToken, PersonSpec, TeamSpec
from inventory.db.engine import Database, DatabaseError
from inventory.db.models import ReadSegment, Token
from inventory.masking import MASK
from inventory.reading_log import ReadLog
from inventory.registry import people, tokens
from inventory.registry.change import Registry
from inventory.routes.limits import Limiter, TooOften
from inventory.services import Inventory
from tests.inventory.access import Everybody, inventory
from tests.inventory.registry.asking import add, asking, registry, spec
from tests.inventory.serving import served
from tests.inventory.telemetry import MINUTE, MS, Sender, Sent, agent, span_id, tool, trace_id

ORG = "access"
NOW = time.time_ns()
SECRET = "the customer's secret"


class At:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def opened(tmp_path: Path) -> Registry:
    services = inventory(tmp_path)
    return registry(services.registry.database, "alice")


def _issue(opened: Registry, kind: str, **more: object) -> tuple[str, str]:
    """Id and secret."""
    new = NewToken.model_validate({"kind": kind, "name": kind, **more})
    with opened.changing(asking()) as change:
        row, secret = tokens.issue(change, new)
        return row.id, secret


def test_a_token_is_known_until_it_expires_or_is_revoked_and_kept_nowhere(opened: Registry) -> None:
    clock = At()
    opened.now = clock
    name, secret = _issue(opened, "person", person="alice", days=1)
    known = Authenticator(opened.database, now=clock)
    caller = known.caller(f"Bearer {secret}")
    assert (caller.actor, caller.kind, caller.scopes) == ("person:alice", Kind.PERSON, None)
    with opened.reading() as session:
        dump = str([list(row) for row in session.execute(text("SELECT * FROM tokens"))])
        dump += str([list(row) for row in session.execute(text("SELECT * FROM audit"))])
    assert secret not in dump + repr(known)
    clock.now += timedelta(hours=23, minutes=59)
    known.caller(f"bearer {secret}")
    assert known.uses.write() == 1
    with opened.reading() as session:
        assert tokens.get(session, "default", name).last_used_at == clock.now
    clock.now += timedelta(minutes=2)
    with pytest.raises(NotAuthenticated, match="expired"):
        known.caller(f"Bearer {secret}")


def test_a_revoked_token_and_a_person_who_left_are_out_within_seconds(opened: Registry) -> None:
    clock = At()
    opened.now = clock
    known = Authenticator(opened.database, now=clock)
    name, secret = _issue(opened, "person", person="alice")
    _, other = _issue(opened, "person", person="alice")
    known.caller(f"Bearer {secret}")
    with opened.changing(asking()) as change:
        tokens.revoke(change, name, "leaked")
    clock.now += timedelta(seconds=11)
    with pytest.raises(NotAuthenticated, match="revoked"):
        known.caller(f"Bearer {secret}")
    with opened.changing(asking(if_match="*")) as change:
        people.put_person(change, "alice", PersonSpec(name="Alice", active=False))
    with pytest.raises(NotAuthenticated, match="no longer active"):
        known.caller(f"Bearer {other}")


def test_the_collector_knows_machines_tokens_and_what_each_kind_says(opened: Registry) -> None:
    clock = At()
    opened.now = clock
    add(opened, "drafter")
    _, agents_token = _issue(opened, "agent", agents=["drafter"])
    _, service = _issue(opened, "service", agents=["drafter"])
    gateway_id, gateway = _issue(opened, "gateway", days=1)
    _, narrowed = _issue(opened, "agent", agents=["drafter"], scopes=["release:read"])
    _, persons = _issue(opened, "person", person="alice")
    verifier = IngestTokens(opened.database, Anonymous(), clock)
    with pytest.raises(Unauthenticated):
        verifier.verify(f"Bearer {agents_token}")
    verifier.refresh()
    assert verifier.verify(f"Bearer {agents_token}") == Principal("default", "drafter", Method.TOKEN)
    assert verifier.verify(f"Bearer {service}") == Principal("default", "service", Method.TOKEN)
    assert verifier.verify(f"Bearer {gateway}") == Principal("default", "gateway", Method.ASSERTED)
    assert verifier.verify(None).method is Method.NONE
    for other in (narrowed, persons, "muster_forged"):
        with pytest.raises(Unauthenticated, match="not known"):
            verifier.verify(f"Bearer {other}")
    with pytest.raises(Unauthenticated, match="muster tokens issue"):
        IngestTokens(opened.database, Nobody(), clock).verify(None)
    assert verifier.uses.write() == 3
    clock.now += timedelta(days=2)
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.verify(f"Bearer {gateway}")
    with opened.changing(asking()) as change:
        tokens.revoke(change, gateway_id, "")
    verifier.refresh()
    with pytest.raises(Unauthenticated, match="not known"):
        verifier.verify(f"Bearer {gateway}")


def test_the_local_admins_token_is_its_owners_alone(tmp_path: Path) -> None:
    digest = local.admin_token(tmp_path)
    path = tmp_path / local.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert local.admin_token(tmp_path) == digest == tokens.digest_of(local.read(path))
    path.chmod(0o644)
    with pytest.raises(local.LocalTokenError, match="0644"):
        local.admin_token(tmp_path)
    path.chmod(0o600)
    path.write_text("something else")
    with pytest.raises(local.LocalTokenError, match="holds no admin token"):
        local.admin_token(tmp_path)


def test_callers_have_a_rate_and_wrong_guesses_another() -> None:
    at = [0.0]
    limiter = Limiter(10, 20, guesses=3, guess_rate=1, clock=lambda: at[0])
    for _ in range(20):
        limiter.take("alice")
    limiter.take("bob")
    with pytest.raises(TooOften) as caught:
        limiter.take("alice")
    assert caught.value.wait == pytest.approx(0.1)
    at[0] += 0.2
    limiter.take("alice")
    limiter.take("alice")
    for _ in range(3):
        limiter.guess("10.0.0.1")
        limiter.failed("10.0.0.1")
    with pytest.raises(TooOften):
        limiter.guess("10.0.0.1")
    limiter.guess("10.0.0.2")
    at[0] += 2
    limiter.guess("10.0.0.1")


@pytest.fixture(scope="module")
def everybody() -> Everybody:
    return Everybody(Caller(ORG, "local:admin", Kind.LOCAL))


@pytest.fixture(scope="module")
def services(everybody: Everybody, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return inventory(tmp_path_factory.mktemp("access"), everybody)


@pytest.fixture(scope="module")
def url(store: Store, writer: Writer, services: Inventory) -> Iterator[str]:
    start = NOW - 5 * MINUTE
    said = {"gen_ai.conversation.id": "conv-a", "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": f'[{{"role": "user", "content": "{SECRET}"}}]'}  # fmt: skip
    Sender(writer, ORG, "sender").spans(
        Sent(0x7A, 1, 0, "workflow", start, 90 * MS, "it broke: " + SECRET, "svc-a"),
        Sent(0x7A, 2, 1, "draft", start + MS, 80 * MS, None, "svc-a", {**agent("drafter"), "tenant": "acme"}),
        Sent(0x7A, 3, 2, "chat", start + MS, 80 * MS, None, "svc-a", said),
        Sent(0x7A, 4, 1, "write", start + MS, 80 * MS, None, "svc-b",
             {**agent("writer"), **tool("crm.update", SECRET)},
             [(start + 2 * MS, "exception", {"exception.type": "E", "exception.message": SECRET})]),
    )  # fmt: skip
    with services.registry.changing(asking(Caller(ORG, "local:admin", Kind.LOCAL))) as change:
        for name in ("alice", "bob"):
            people.put_person(change, name, PersonSpec(name=name))
        people.put_team(change, "writers", TeamSpec(name="Writers"))
    admin = Caller(ORG, "local:admin", Kind.LOCAL)
    add(services.registry, "drafter", spec(owner="alice", matchers=[{"agent_name": "drafter"}]), admin)
    add(services.registry, "writer", spec(owner="bob", team="writers", matchers=[{"agent_name": "writer"}]), admin)
    with served(api_app(store, services)) as base:
        yield base


@pytest.fixture
def client(url: str, everybody: Everybody) -> Iterator[InventoryClient]:
    everybody.is_now = Caller(ORG, "local:admin", Kind.LOCAL)
    with InventoryClient(url) as opened:
        yield opened


def _as(everybody: Everybody, person: str, *grants: Grant) -> None:
    everybody.is_now = Caller(ORG, f"person:{person}", Kind.PERSON, person, grants)


def _seen(client: InventoryClient) -> set[str]:
    """Names of the spans whose content is there."""
    detail = client.get_trace(trace_id(0x7A))
    texts = {span.name: span.model_dump_json() for span in detail.spans}
    assert {span.attributes.get("tenant") for span in detail.spans} >= {"acme"}
    return {name for name, said in texts.items() if SECRET in said}


@pytest.mark.parametrize(
    ("person", "grants", "seen"),
    [
        ("eve", (Grant(Role.VIEWER, ORG),), set()),
        ("eve", (Grant(Role.SRE, ORG),), {"workflow", "chat", "write"}),
        ("eve", (Grant(Role.SRE, ORG, "writers"),), {"write"}),
        ("alice", (Grant(Role.OWNER, ORG),), {"chat"}),
        ("bob", (Grant(Role.OWNER, ORG),), {"write"}),
        ("bob", (Grant(Role.OWNER, ORG), Grant(Role.AUDITOR, ORG)), {"workflow", "chat", "write"}),
    ],
)
def test_content_is_seen_by_those_who_may_and_masked_for_others(
    client: InventoryClient, everybody: Everybody, person: str, grants: tuple[Grant, ...], seen: set[str]
) -> None:
    _as(everybody, person, *grants)
    assert _seen(client) == seen
    for number, name in ((3, "chat"), (4, "write")):
        whole = client.get_span(trace_id(0x7A), span_id(number))
        assert (SECRET in whole.model_dump_json()) == (name in seen)
        assert (MASK in whole.model_dump_json()) == (name not in seen)
    talk = client.conversation("conv-a")
    assert len(talk.messages) == 1
    assert (SECRET in talk.model_dump_json()) == (len(seen) == 3)


def test_a_search_looks_into_everything_and_is_for_those_who_may_see_everything(
    client: InventoryClient, everybody: Everybody
) -> None:
    assert client.search(words="customer").hits
    for grants in ((Grant(Role.VIEWER, ORG),), (Grant(Role.SRE, ORG, "writers"),), (Grant(Role.OWNER, ORG),)):
        _as(everybody, "alice", *grants)
        with pytest.raises(NotAllowed, match="content:read"):
            client.search(words="customer")


def test_every_read_of_content_is_noted_before_it_is_shown(
    client: InventoryClient, everybody: Everybody, services: Inventory
) -> None:
    _as(everybody, "reader", Grant(Role.SRE, ORG))
    client.get_trace(trace_id(0x7A))
    client.search(words="customer")
    _as(everybody, "nosy", Grant(Role.VIEWER, ORG))
    client.get_trace(trace_id(0x7A))
    with services.registry.reading() as session:
        noted = [(read.actor, read.what) for read in reading_log.reads(session, ORG)]
        assert reading_log.broken(session, services.signer) == []
    assert noted[:2] == [("person:reader", "search customer"), ("person:reader", f"trace {trace_id(0x7A)}")]
    assert not [actor for actor, _ in noted if actor == "person:nosy"]


def test_reads_at_once_share_segments_and_a_changed_one_is_found(database: Database, tmp_path: Path) -> None:
    signer = Signer.of(tmp_path / "key.pem")
    log = ReadLog(database, signer)
    caller = Caller("default", "person:a", Kind.PERSON)

    def read(reader: int) -> None:
        for number in range(10):
            log.note(caller, f"{reader}-{number}")

    threads = [threading.Thread(target=read, args=(reader,)) for reader in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert len({read.what for read in reading_log.reads(session, "default")}) == 80
        assert reading_log.broken(session, signer) == []
        segments = session.scalars(select(ReadSegment.number)).all()
        assert sorted(segments) == list(range(1, len(segments) + 1))
    with database.writing() as session:
        session.execute(update(ReadSegment).where(ReadSegment.number == 1).values(reads="[]"))
    with database.reading() as session:
        assert any("not what was signed" in one for one in reading_log.broken(session, signer))


def test_what_can_not_be_noted_is_not_shown(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none' / 'registry.sqlite'}")
    with pytest.raises(DatabaseError):
        ReadLog(database, Signer.of(tmp_path / "key.pem")).note(Caller("default", "a", Kind.PERSON), "x")


def test_answers_carry_headers_that_browsers_obey_and_large_bodies_are_refused(
    client: InventoryClient, url: str
) -> None:
    answer = httpx.get(f"{url}/v1/me", headers={"x-request-id": "incident-4711"})
    assert answer.headers["x-request-id"] == "incident-4711"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "content-security-policy" not in httpx.get(f"{url}/docs").headers

    def drip() -> Iterator[bytes]:
        for _ in range(9):
            yield b" " * 1024 * 1024

    for content in (b" " * (9 * 1024 * 1024), drip()):
        refused = httpx.post(f"{url}/v1/agents", content=content, headers={"content-type": "application/json"})
        assert (refused.status_code, refused.headers["content-type"]) == (413, "application/problem+json")


def test_a_change_over_http_is_conditional_and_a_retry_is_answered_again(client: InventoryClient, url: str) -> None:
    body = {"id": "http", "spec": AgentSpec(name="Http").model_dump(mode="json")}
    first, again = (httpx.post(f"{url}/v1/agents", json=body, headers={"idempotency-key": "k-1"}) for _ in range(2))
    assert (first.status_code, first.headers["etag"], first.headers["location"]) == (201, '"1"', "/v1/agents/http")
    assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, '"1"')
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = httpx.post(f"{url}/v1/agents", json={**body, "id": "http2"}, headers={"idempotency-key": "k-1"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:muster:problem:idempotency-key-reused")
    for tag, status in ((None, 428), ('"9"', 412), ('"1"', 200), ('"1"', 412)):
        headers = {"if-match": tag} if tag else {}
        changed = {**body["spec"], "purpose": f"for {tag}"}  # type: ignore[dict-item]
        answer = httpx.put(f"{url}/v1/agents/http", json=changed, headers=headers)
        assert answer.status_code == status, answer.text
        assert status == 200 or answer.json()["remedy"]


def test_tokens_are_issued_by_admins_and_by_people_for_themselves(
    client: InventoryClient, everybody: Everybody, services: Inventory
) -> None:
    issued = client.issue_token(NewToken(kind="service", name="nightly", agents=["drafter"]))
    assert issued.secret.startswith("muster_")
    _as(everybody, "alice", Grant(Role.VIEWER, ORG))
    own = client.issue_token(NewToken(kind="person", name="laptop", person="alice"))
    for kind, more in (("person", {"person": "bob"}), ("gateway", {}), ("agent", {"agents": ["drafter"]})):
        with pytest.raises(NotAllowed, match="admin"):
            client.issue_token(NewToken.model_validate({"kind": kind, "name": "x", **more}))
    assert [one.id for one in client.iterate_tokens()] == [own.token.id]
    with pytest.raises(Exception, match="No such token"):
        client.revoke_token(issued.token.id)
    assert client.revoke_token(own.token.id).revoked_at
    with services.registry.reading() as session:
        assert session.get_one(Token, issued.token.id).revoked_at is None
