"""Releases: they never change, a second person approves them, and there is a way back."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from inventory import audit
from inventory.auth.caller import Caller
from inventory.auth.roles import Role
from inventory.contract.releases import Bundle, Verdict
from inventory.db.engine import Database
from inventory.db.models import Part, Release
from inventory.registry import agents, releases
from inventory.registry.bundles import diff, parts_of, release_id
from inventory.registry.change import Registry
from inventory.registry.errors import Clash, Forbidden, Missing, Stale, Unconditional, Unfit
from tests.inventory.registry.asking import add, asking, person, registry

ALICE, BOB, CAROL = (person(name, Role.ADMIN) for name in ("alice", "bob", "carol"))


def _bundle(prompt: str = "You answer.", **more: object) -> Bundle:
    parts = [
        {"kind": "prompt", "name": "system", "content": prompt},
        {"kind": "model", "name": "model", "content": '{"name": "gpt-4o-mini"}'},
        {"kind": "corpus", "name": "kb", "digest": "sha256:" + "ab" * 32, "uri": "s3://kb/7"},
    ]
    return Bundle.model_validate({"parts": parts, **more})


def _proposed(opened: Registry, bundle: Bundle, by: Caller = ALICE) -> str:
    with opened.changing(asking(by)) as change:
        releases.put_draft(change, "drafter", bundle)
    with opened.changing(asking(by, if_match=1)) as change:
        return releases.propose(change, "drafter").id


def _released(opened: Registry, bundle: Bundle) -> str:
    """Approved and active."""
    name = _proposed(opened, bundle)
    with opened.changing(asking(BOB, if_match=1)) as change:
        releases.decide(change, "drafter", name, Verdict(decision="approve"))
    with opened.changing(asking(BOB, if_match="*")) as change:
        releases.activate(change, "drafter", name)
    return name


def test_a_release_is_its_parts_and_nothing_else() -> None:
    one, other = parts_of(_bundle(version="1")), parts_of(_bundle(version="2", note="same parts"))
    assert release_id(one) == release_id(other) == release_id(reversed(one))
    assert release_id(one) != release_id(parts_of(_bundle("You answer!")))


def test_a_draft_stands_beside_the_live_release_until_a_second_person_approves(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    first = _released(opened, _bundle())
    with opened.changing(asking(ALICE)) as change:
        releases.put_draft(change, "drafter", _bundle("Better."))
    with opened.changing(asking(CAROL, if_match=1)) as change:
        draft, new = releases.put_draft(change, "drafter", _bundle("Best."))
        assert (draft.revision, draft.editors, new) == (2, ["person:alice", "person:carol"], False)
    with opened.reading() as session:
        assert releases.active(session, "default", "drafter").id == first
    with opened.changing(asking(ALICE, if_match=2)) as change:
        second = releases.propose(change, "drafter")
        assert (second.number, second.status) == (2, "proposed")
    for had_a_hand in (ALICE, CAROL):
        with pytest.raises(Forbidden, match="second person"), opened.changing(asking(had_a_hand, if_match=1)) as change:
            releases.decide(change, "drafter", second.id, Verdict(decision="approve"))
    with pytest.raises(Clash, match="proposed"), opened.changing(asking(BOB, if_match="*")) as change:
        releases.activate(change, "drafter", second.id)
    with opened.changing(asking(BOB, if_match=1)) as change:
        approved = releases.decide(change, "drafter", second.id, Verdict(decision="approve", reason="looks right"))
        assert (approved.status, approved.decided_by, approved.reason) == ("approved", "person:bob", "looks right")
    with pytest.raises(Clash, match="approved"), opened.changing(asking(BOB, if_match=2)) as change:
        releases.decide(change, "drafter", second.id, Verdict(decision="reject"))
    with opened.reading() as session:
        assert releases.active(session, "default", "drafter").id == first
        assert audit.verify(session).intact


def test_who_had_a_hand_in_it_does_not_approve_with_a_token_they_issued_for_another(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    name = _proposed(opened, _bundle())
    borrowed, lent = (replace(BOB, issuer=f"person:{issuer}") for issuer in ("alice", "carol"))
    with (
        pytest.raises(Forbidden, match="who issued this token"),
        opened.changing(asking(borrowed, if_match=1)) as change,
    ):
        releases.decide(change, "drafter", name, Verdict(decision="approve"))
    with opened.changing(asking(lent, if_match=1)) as change:
        assert releases.decide(change, "drafter", name, Verdict(decision="approve")).status == "approved"


def test_a_rejected_release_never_runs(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    name = _proposed(opened, _bundle())
    with opened.changing(asking(BOB, if_match=1)) as change:
        releases.decide(change, "drafter", name, Verdict(decision="reject", reason="no"))
    with pytest.raises(Clash, match="rejected"), opened.changing(asking(BOB, if_match="*")) as change:
        releases.activate(change, "drafter", name)
    with opened.reading() as session, pytest.raises(Missing):
        releases.active(session, "default", "drafter")


def test_the_way_back_is_named_and_taken(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    first = _released(opened, _bundle())
    with pytest.raises(Clash, match="none to go back"), opened.changing(asking(BOB, if_match="*")) as change:
        releases.roll_back(change, "drafter")
    second = _released(opened, _bundle("Worse.", rollback_to=first))
    with opened.changing(asking(BOB, if_match="*")) as change:
        assert releases.roll_back(change, "drafter").id == first
    with opened.reading() as session:
        row = agents.get(session, "default", "drafter")
        assert row.active_release == first
        since = releases.active_since(session, "default", "drafter", first)
        assert since > releases.get(session, "default", "drafter", second).created_at
    with pytest.raises(Unfit), opened.changing(asking(ALICE)) as change:
        releases.put_draft(change, "drafter", _bundle("x", rollback_to="sha256:" + "00" * 32))


def test_the_same_parts_are_not_two_releases_and_shared_content_is_kept_once(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    _proposed(opened, _bundle())
    with pytest.raises(Clash, match="release number 1"):
        _proposed(opened, _bundle(version="again"))
    with opened.changing(asking(ALICE, if_match=1)) as change:
        releases.put_draft(change, "drafter", _bundle("Other."))
    with opened.changing(asking(ALICE, if_match=2)) as change:
        releases.propose(change, "drafter")
    with opened.reading() as session:
        assert session.scalar(select(func.count()).select_from(Part)) == 3  # two prompts, one model


def test_a_draft_must_say_which_one_it_replaces(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    with opened.changing(asking(ALICE)) as change:
        releases.put_draft(change, "drafter", _bundle())
    for condition, error in ((None, Unconditional), (5, Stale)):
        with pytest.raises(error), opened.changing(asking(BOB, if_match=condition)) as change:
            releases.put_draft(change, "drafter", _bundle("Mine."))
        with pytest.raises(error), opened.changing(asking(BOB, if_match=condition)) as change:
            releases.discard_draft(change, "drafter")
    with opened.changing(asking(BOB, if_match=1)) as change:
        releases.discard_draft(change, "drafter")
    with opened.reading() as session, pytest.raises(Missing, match="draft"):
        releases.draft(session, "default", "drafter")


def test_decisions_at_once_are_one_decision(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    name = _proposed(opened, _bundle())
    outcomes: list[str] = []

    def decide(number: int) -> None:
        by = person(f"judge{number}", Role.ADMIN)
        try:
            with opened.changing(asking(by, if_match=1)) as change:
                releases.decide(change, "drafter", name, Verdict(decision="approve" if number % 2 else "reject"))
            outcomes.append("decided")
        except (Stale, Clash):
            outcomes.append("late")

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["decided", *["late"] * 5]


def test_releases_are_paged_newest_first_over_all_agents(database: Database) -> None:
    opened = registry(database)
    for name in ("a", "b"):
        add(opened, name)
    for number in range(9):
        agent = "ab"[number % 2]
        with opened.changing(asking(ALICE)) as change:
            releases.put_draft(change, agent, _bundle(f"Prompt {number}"))
        with opened.changing(asking(ALICE, if_match=1)) as change:
            releases.propose(change, agent)
    with opened.reading() as session:
        seen, cursor = [], None
        while True:
            rows, cursor = releases.listed(session, "default", 4, cursor)
            seen += [(row.agent, row.number) for row in rows]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 9
        every = session.scalars(select(Release).order_by(Release.created_at.desc(), Release.agent.desc())).all()
        assert seen == [(row.agent, row.number) for row in every]
        assert [row.number for row in releases.listed(session, "default", 9, None, agent="b")[0]] == [4, 3, 2, 1]
        assert releases.listed(session, "default", 9, None, status="approved") == ([], None)


def test_a_diff_shows_what_changed_and_texts_only_to_who_may_see_them() -> None:
    before, after = parts_of(_bundle("One.\nTwo.")), parts_of(_bundle("One.\nThree."))
    texts = {part["digest"]: text for part, text in ((before[2], "One.\nTwo."), (after[2], "One.\nThree."))}
    changes = {change.name: change for change in diff(before, after, texts)}
    assert {name: change.change for name, change in changes.items()} == {
        "kb": "same",
        "model": "same",
        "system": "changed",
    }
    assert "-Two." in (changes["system"].text or "")
    assert "+Three." in (changes["system"].text or "")
    assert all(change.text is None for change in diff(before, after, None))
    assert {change.change for change in diff(before, [], {})} == {"removed"}
