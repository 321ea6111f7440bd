"""Whatever was said is found by its words, in the trace where it was said, newest first."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from clickhouse_connect.driver.client import Client

from collector.store import search as searching
from collector.store.conversations import Conversation, conversation
from collector.store.search import Hit, Search, search
from tests.collector.store.sealing import Sealing, client, seal, sender
from tests.inventory.telemetry import HOUR, MINUTE, SECOND, Sender, Sent, Value, chat, tool, trace_id

__all__ = ["client", "seal", "sender"]

NOW = time.time_ns() // SECOND * SECOND
DAY = 24 * HOUR


def everything(client: Client, sender: Sender, asked: Search) -> list[Hit]:
    found: list[Hit] = []
    while True:
        page = search(client, sender.org, asked)
        found += page.hits
        if page.after is None:
            assert page.searched_ns == asked.since_ns
            return found
        asked = replace(asked, after=page.after)


def traces(hits: list[Hit]) -> list[int]:
    return [int(hit.trace_id, 16) for hit in hits]


def said(text: str, role: str = "user") -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def prompt(text: str) -> dict[str, Value]:
    return {**chat("m"), "gen_ai.input.messages": said(text)}


ASKED = Search(NOW - 9 * DAY, NOW)


@pytest.mark.parametrize("limit", [1, 50])
def test_words_are_found_in_prompts_outputs_and_arguments(client: Client, sender: Sender, limit: int) -> None:
    sender.spans(
        Sent(3001, 1, 0, "chat", NOW - HOUR, attributes=prompt("The Quokka's invoice, please")),
        Sent(3002, 1, 0, "chat", NOW - 2 * HOUR, attributes={**chat("m"), "gen_ai.output.messages": said("a quokka!")}),
        Sent(3003, 1, 0, "tool", NOW - 8 * DAY, attributes=tool("find", '{"animal": "quokka", "invoice": 7}')),
        Sent(3004, 1, 0, "chat", NOW - HOUR, attributes=prompt("quokkas and an invoice")),
        Sent(3005, 1, 0, "chat", NOW - 10 * DAY, attributes=prompt("quokka before")),
    )
    sender.spans(Sent(3006, 1, 0, "chat", NOW - HOUR, service="back", attributes=prompt("quokka")))
    asked = replace(ASKED, limit=limit)
    hits = everything(client, sender, replace(asked, words="QUOKKA"))
    assert sorted(traces(hits)) == [3001, 3002, 3003, 3006]
    assert [hit.time_ns for hit in hits] == sorted((hit.time_ns for hit in hits), reverse=True)
    by_trace = {int(hit.trace_id, 16): hit for hit in hits}
    assert by_trace[3001].names == ["gen_ai.input.messages"]
    assert "The Quokka's invoice, please" in by_trace[3001].snippet
    assert by_trace[3003].names == ["gen_ai.tool.call.arguments"]
    assert sorted(traces(everything(client, sender, replace(asked, words="invoice quokka")))) == [3001, 3003]
    assert traces(everything(client, sender, replace(asked, phrase="quokka's INVOICE"))) == [3001]
    assert traces(everything(client, sender, replace(asked, words="quokka", service="back"))) == [3006]
    assert everything(client, sender, replace(asked, words="wombat")) == []
    assert search(client, "nobody", replace(asked, words="quokka")).hits == []


def test_what_json_writes_otherwise_is_found_as_people_write_it(client: Client, sender: Sender) -> None:
    sender.spans(
        Sent(3011, 1, 0, "chat", NOW - HOUR, attributes=prompt('Herr Müller said "no refund"\nand left')),
        Sent(3012, 1, 0, "chat", NOW - 2 * HOUR, attributes={"input.value": "Herr Müller"}),
    )
    assert traces(everything(client, sender, replace(ASKED, words="Müller"))) == [3011, 3012]
    assert traces(everything(client, sender, replace(ASKED, phrase='said "no refund"\nand'))) == [3011]
    with pytest.raises(ValueError, match="at least one word"):
        search(client, sender.org, replace(ASKED, words="-- !"))


def test_a_word_that_everybody_says_is_answered_from_the_newest_spans(
    client: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_FEW", 3)
    sender.spans(
        *(Sent(3100 + n, 1, 0, "chat", NOW - n * 10 * MINUTE, attributes=prompt(f"common {n}")) for n in range(1, 21))
    )
    asked = replace(ASKED, words="common", limit=4)
    page = search(client, sender.org, asked)
    assert page.common
    assert page.after is not None
    assert traces(list(page.hits)) == [3101, 3102, 3103, 3104]
    assert page.searched_ns > asked.since_ns
    assert traces(everything(client, sender, asked)) == list(range(3101, 3121))


def turn(role: str, text: str, **more: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


@pytest.mark.parametrize("sealed", [False, True])
def test_a_conversation_has_each_message_once_in_order(
    client: Client, sender: Sender, seal: Sealing, sealed: bool
) -> None:
    heard = [turn("user", "hi"), turn("assistant", "yes?"), turn("user", "hi"), turn("assistant", "again?")]
    for number in (1, 3):
        asked, answer = heard[:number], [{**heard[number], "finish_reason": "stop"}]
        talk = {"gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps(answer)}
        talk["gen_ai.conversation.id"] = "c-9"
        sender.spans(
            Sent(3200 + number, 1, 0, "root", NOW - HOUR + number * MINUTE),
            Sent(3200 + number, 2, 1, "chat", NOW - HOUR + number * MINUTE, attributes={**chat("m"), **talk}),
        )
    if sealed:
        seal([3201, 3203])
    found = conversation(client, sender.org, "c-9", NOW - DAY, NOW)
    assert isinstance(found, Conversation)
    assert [row.trace_id for row in found.traces] == [trace_id(3201), trace_id(3203)]
    said_ = [(row.role, json.loads(row.json)["parts"][0]["content"], row.said_by_model) for row in found.messages]
    assert said_ == [
        ("user", "hi", False), ("assistant", "yes?", True), ("user", "hi", False), ("assistant", "again?", True),
    ]  # fmt: skip
    assert (found.calls, found.calls_missing, found.more) == (2, 0, False)
    assert conversation(client, sender.org, "c-8", NOW - DAY, NOW) is None
