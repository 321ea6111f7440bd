"""Traces are sealed once and for all that came of them, whenever and however often it came."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector.price_book import PriceBook
from collector.pricing import Cost, Unpriced
from collector.sealing.pending import Pending
from collector.sealing.reprice import reprice
from collector.store.connection import Store, StoreError
from collector.store.writer import InsertError
from tests.collector.sealing.scene import BEGIN, ORG, SECOND, Said, Scene, agent, call
from tests.collector.test_costing import own_row


def test_a_trace_is_sealed_when_it_has_become_quiet(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1))
    assert scene.seal(after=5) == 0
    assert scene.seal(after=15) == 1
    assert scene.summary(1)["Spans"] == 2
    assert scene.spend() == scene.spend_afresh() != {}


def test_a_trace_that_never_becomes_quiet_is_sealed_in_between(scene: Scene) -> None:
    scene.settings.seal_quiet = 1000
    scene.send(agent(1, 1, "triage"))
    assert scene.seal(after=30) == 0
    assert scene.seal(after=61) == 1
    scene.send(call(1, 2, 1))
    assert scene.seal(after=90) == 0
    assert scene.seal(after=125) == 1
    assert scene.summary(1)["ModelCalls"] == 1
    assert scene.spend() == scene.spend_afresh()


def test_nothing_new_writes_nothing(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1), Said(1, 3, 2))
    assert scene.seal() == 1
    # That they were looked at is noted in `arrivals`.
    count = "SELECT count() AS n FROM system.parts WHERE database = {db:String} AND table != 'arrivals'"
    parts = scene.query(count, db=scene.store.database)
    assert scene.seal() == 0
    assert scene.sealer.seal([Said(1, 1).trace_id]).seals == 0
    scene.restart()
    assert scene.seal() == 0
    assert parts == scene.query(count, db=scene.store.database)


def test_a_parent_that_comes_late_corrects_what_was_said_to_the_digit(scene: Scene) -> None:
    scene.send(call(1, 2, 1), call(1, 3, 2, model="gpt-4o-mini", tokens=None))
    assert scene.seal() == 1
    assert scene.summary(1)["MissingParents"] == 1
    assert scene.facts(1)[2]["Agent"] == ""
    scene.send(agent(1, 1, "triage", start=-2, seconds=5))
    assert scene.seal() == 1
    assert scene.summary(1)["MissingParents"] == 0
    assert {row["Agent"] for row in scene.facts(1).values()} == {"triage"}
    assert {key[2] for key in scene.spend()} == {"triage"}
    assert scene.spend() == scene.spend_afresh()
    seals = scene.query("SELECT Seal, Sign, Start, Cost FROM trace_summaries ORDER BY Seal, Sign DESC")
    assert [(row["Seal"], row["Sign"]) for row in seals if (row["Seal"], row["Sign"]) != (1, 1)] in (
        [(1, -1), (2, 1)],
        [(2, 1)],
    )


def test_what_comes_minutes_late_makes_a_new_seal(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1))
    scene.seal()
    scene.restart()
    scene.send(call(1, 3, 1, start=600))
    scene.send(agent(2, 1, "triage"))
    assert scene.seal() == 2
    assert (scene.summary(1)["Seal"], scene.summary(1)["ModelCalls"]) == (2, 2)
    assert scene.spend() == scene.spend_afresh()


def test_a_span_in_two_requests_counts_once(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1))
    scene.send(call(1, 2, 1))
    scene.seal()
    before = scene.spend()
    scene.send(call(1, 2, 1, tokens=(7, 7)), received=60)
    assert scene.seal() == 1
    summary = scene.summary(1)
    assert (summary["Spans"], summary["Copies"], summary["ModelCalls"], summary["InputTokens"]) == (2, 2, 1, 100)
    assert scene.facts(1)[2]["Copies"] == 3
    assert scene.spend() == scene.spend_afresh() == before


def test_traces_don_t_mix(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1), agent(2, 1, "gate"), call(2, 2, 1), call(3, 2, 1))
    scene.send(agent(1, 1, "theirs"), call(1, 2, 1), org="other")
    assert scene.seal() == 4
    assert [scene.facts(trace)[2]["Agent"] for trace in (1, 2, 3)] == ["triage", "gate", ""]
    assert scene.facts(1, "other")[2]["Agent"] == "theirs"
    assert scene.summary(1)["Agents"] == ["triage"]
    assert [scene.summary(trace)["Complete"] for trace in (1, 2, 3)] == [1, 1, 0]


def test_a_call_costs_what_its_price_says(scene: Scene) -> None:
    more = {"gen_ai.usage.cache_read.input_tokens": 30, "gen_ai.usage.reasoning.output_tokens": 4}
    scene.send(
        call(1, 2, tokens=(1000, 77), more=more), call(1, 3, model="no such model"), call(1, 4, tokens=None), Said(1, 5)
    )
    scene.seal()
    facts = scene.facts(1)
    prices, at = scene.costing.book.prices, datetime.fromtimestamp(BEGIN / SECOND, UTC)
    tokens = {"input_tokens": 1000, "output_tokens": 77, "cache_read_tokens": 30, "reasoning_tokens": 4}
    cost = prices.cost("openai", "gpt-4o", at, tokens)
    assert isinstance(cost, Cost)
    assert (facts[2]["Cost"], facts[2]["PriceId"]) == (cost.usd, cost.row.id)
    assert (facts[3]["Cost"], facts[3]["Unpriced"], facts[3]["PriceId"]) == (None, Unpriced.MODEL.name, "")
    assert (facts[4]["Cost"], facts[4]["Unpriced"]) == (None, Unpriced.TOKENS.name)
    assert (facts[5]["Cost"], facts[5]["Unpriced"], facts[5]["PriceBook"]) == (None, "", "")
    summary = scene.summary(1)
    assert (summary["Cost"], summary["UnpricedCalls"], summary["CallsWithoutTokens"]) == (cost.usd, 2, 1)
    assert [row["Id"] for row in scene.query("SELECT DISTINCT Id FROM prices")] == [cost.row.id]
    assert scene.spend() == scene.spend_afresh()


def test_an_approval_says_that_a_person_was_waited_for(scene: Scene) -> None:
    scene.send(agent(1, 1, "support", seconds=100), agent(1, 2, "gate", 1, start=10, seconds=60, approval=True))
    scene.seal()
    assert scene.summary(1)["HumanWait"] == 60 * SECOND


def test_what_was_deleted_keeps_what_was_said(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1), call(1, 3, 1))
    scene.seal()
    said = scene.spend()
    scene.store.client().command("DELETE FROM otel_traces WHERE SpanId LIKE '%2'")
    report = scene.sealer.seal([Said(1, 1).trace_id])
    assert (report.seals, report.gone) == (0, 1)
    assert scene.spend() == scene.spend_afresh() == said


def test_of_a_monstrous_trace_the_first_spans_count(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.settings.seal_trace_rows = scene.settings.seal_rows = 5
    scene.send(agent(1, 1, "triage"), *(call(1, n, 1) for n in range(2, 7)))
    scene.send(call(1, 7, 1), agent(2, 1, "gate"), received=1)
    assert scene.seal() == 2
    summary = scene.summary(1)
    assert (summary["Spans"], summary["Complete"], scene.summary(2)["Complete"]) == (5, 0, 1)
    assert "7 spans" in caplog.text
    assert scene.seal(after=60) == 0


def test_ids_that_are_none_are_told_apart(scene: Scene) -> None:
    client = scene.store.client()
    rows = [["a", "", "root"], ["zz", "a", "one"], ["ZZ", "zz", "two"], ["zz", "a", "again"]]
    client.insert(
        "otel_traces",
        [["odd", *row, datetime.fromtimestamp(BEGIN / SECOND, UTC)] for row in rows],
        column_names=["TraceId", "SpanId", "ParentSpanId", "SpanName", "Timestamp"],
    )
    assert scene.sealer.seal(["odd"]).seals == 1
    facts = {row["SpanId"]: (row["Depth"], row["Copies"]) for row in scene.newest()}
    assert facts == {"a": (0, 1), "zz": (1, 2), "ZZ": (2, 1)}


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrivals_and_seals_comes_to_the_same(scene: Scene, seed: int) -> None:
    random = Random(seed)
    spans = [_span(random, trace, n) for trace in range(1, 7) for n in range(1, random.randrange(2, 9))]
    sent = [*spans, *random.choices(spans, k=len(spans) // 3)]
    random.shuffle(sent)
    after = 0.0
    while sent:
        some, sent = sent[: (cut := random.randrange(4, 20))], sent[cut:]
        scene.send(*some, received=random.uniform(0, 100))
        after += random.choice([0, 0, 15, 70])
        if random.random() < 0.7:
            scene.seal(after)
        if random.random() < 0.2:
            scene.restart()
        assert scene.spend() == scene.spend_afresh()
    scene.seal(after + 100)
    assert scene.spend() == scene.spend_afresh()
    for trace in range(1, 7):
        mine = [span for span in spans if span.trace == trace]
        assert set(scene.facts(trace)) == {span.span for span in mine}
        assert scene.summary(trace)["Spans"] == len(mine)
    stored = scene.query("SELECT count() AS n FROM otel_traces")[0]["n"]
    assert sum(row["Copies"] for row in scene.newest()) == stored
    assert scene.query("SELECT sum(Sign) AS n FROM trace_summaries")[0]["n"] == 6


def _span(random: Random, trace: int, span: int) -> Said:
    where: dict[str, Any] = {
        "parent": random.randrange(span),
        "start": random.uniform(0, 7200),
        "seconds": random.uniform(0, 99),
    }
    if random.random() < 0.3:
        return agent(trace, span, random.choice("abc"), **where, error=random.random() < 0.3)
    return call(
        trace, span, tokens=random.choice([None, (random.randrange(10**6), 3)]),
        model=random.choice(["gpt-4o", "gpt-4o-mini", "nobody's"]), **where,
    )  # fmt: skip


class BreakingOff(Pending):
    """An insert of which nobody hears: it breaks off before it begins, or when everything is done."""

    def __init__(self, directory: Path, *, done: bool) -> None:
        super().__init__(directory)
        self._done = done

    def finish(self, store: Store) -> bool:
        if not self._path.exists():
            return False
        if self._done:
            waiting = self._path.read_bytes()
            super().finish(store)
            self._path.write_bytes(waiting)
        raise InsertError(StoreError("the process was killed"))


@pytest.mark.parametrize("done", [False, True])
def test_an_insert_that_broke_off_counts_once(scene: Scene, done: bool) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1))
    scene.seal()
    scene.send(call(1, 3, 1))
    scene.sealer._pending = BreakingOff(scene.directory, done=done)
    for _ in range(2):
        with pytest.raises(InsertError):
            scene.seal()
    scene.restart()
    scene.send(call(1, 4, 1))
    scene.seal()
    assert scene.summary(1)["ModelCalls"] == 3
    assert scene.spend() == scene.spend_afresh()
    assert sum(sums["Cost"] for sums in scene.spend().values()) == 3 * scene.facts(1)[2]["Cost"] != Decimal(0)


@pytest.mark.parametrize("missing", ["span_facts", "trace_summaries", "spend_hour", "sealed_minute"])
def test_an_insert_that_reached_some_tables_only_is_completed(scene: Scene, missing: str) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1))
    client = scene.store.client()
    view = client.query(f"SHOW CREATE TABLE {missing}_mv").result_rows[0][0]
    client.command(f"DROP TABLE {missing}_mv SYNC")
    try:
        scene.sealer._pending = BreakingOff(scene.directory, done=True)
        with pytest.raises(InsertError):
            scene.seal()
    finally:
        client.command(view)
    scene.restart()
    scene.send(call(1, 3, 1))
    scene.seal()
    assert (scene.summary(1)["ModelCalls"], scene.summary(1)["Seal"]) == (2, 2)
    assert scene.spend() == scene.spend_afresh() != {}


def test_what_a_seal_saw_before_it_was_known_to_have_come_is_waited_for_no_longer(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"))
    scene.seal()
    scene.send(call(1, 2, 1))
    assert scene.sealer.seal([Said(1, 1).trace_id]).seals == 1
    assert scene.seal(after=20) == 0
    assert scene.sealer.state.backlog == 1
    assert scene.seal(after=40) == 0
    assert scene.sealer.state.backlog == 0


def test_what_is_known_to_have_come_and_cannot_be_read_yet_is_waited_for(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"))
    scene.seal()
    scene.send(call(1, 2, 1))
    trace_id = Said(1, 1).trace_id
    scene.store.client().command(
        f"ALTER TABLE otel_traces DELETE WHERE SpanId = '{2:016x}' SETTINGS mutations_sync = 2"
    )
    for after in (20, 40, 80):
        assert scene.seal(after=after) == 0
        assert scene.sealer.state.backlog == 1
    came = "SELECT count() AS n FROM arrivals WHERE NOT Sealed AND TraceId = {id:String}"
    assert scene.query(came, id=trace_id) == [{"n": 2}]


def test_another_price_file_makes_new_seals_and_keeps_the_old(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"), call(1, 2, 1), call(2, 1, model="gpt-4o-mini"))
    scene.seal()
    old = scene.facts(1)[2]["Cost"]
    scene.restart(PriceBook([own_row()]))
    reports = list(reprice(scene.sealer, scene.store, ORG, 0, 2**62))
    assert reports[-1].seals == 1
    own = Decimal("0.00012")
    assert (scene.facts(1)[2]["Cost"], scene.facts(1)[2]["Seal"], scene.facts(2)[1]["Seal"]) == (own, 2, 1)
    assert old in [row["Cost"] for row in scene.query("SELECT Cost FROM span_facts WHERE Seal = 1")]
    assert scene.summary(1)["Cost"] == own != old
    assert scene.spend() == scene.spend_afresh()
    assert [report.seals for report in reprice(scene.sealer, scene.store, ORG, 0, 2**62)] == []
