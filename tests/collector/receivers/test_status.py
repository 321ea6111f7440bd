"""How each error and each answer leaves, apart from any server."""

from __future__ import annotations

import json
import logging
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from collector import errors
from collector.receivers import status
from collector.signals import Answer, Encoding, Signal


def all_errors(kind: type[Exception] = errors.CollectorError) -> set[type[Exception]]:
    return {kind}.union(*(all_errors(child) for child in kind.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(all_errors(), key=str))
def test_every_error_has_codes_the_specification_allows(kind: type[Exception]) -> None:
    refusal = status.refusal(kind("why"))
    retryable = refusal.http in (429, 503)
    assert refusal.http in (400, 401, 403, 413, 415, 429, 503)
    assert retryable == (refusal.retry_after is not None)
    assert retryable == (not issubclass(kind, errors.Permanent))


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        (0, 1),
        (-5, 1),
        (0.2, 1),
        (1, 1),
        (1.01, 2),
        (30, 30),
        (1e9, 3600),
        (float("inf"), 3600),
        (float("nan"), 1),
    ],
)
def test_retry_after_is_whole_seconds_from_one_up(given: float, whole: int) -> None:
    refusal = status.refusal(errors.Overloaded("slow down", given))
    assert refusal.headers == {"retry-after": str(whole)}
    info = RetryInfo()
    assert refusal.status.details[0].Unpack(info)
    assert info.retry_delay.seconds == whole


def test_a_status_says_the_same_in_both_encodings() -> None:
    refusal = status.refusal(errors.Unavailable("the spool is full", 7))
    binary = Status.FromString(refusal.body(Encoding.PROTOBUF))
    text = json.loads(refusal.body(Encoding.JSON))
    assert (binary.code, binary.message) == (text["code"], text["message"]) == (14, "the spool is full")
    assert text["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]


def test_a_permanent_error_carries_no_retry_info() -> None:
    refusal = status.refusal(errors.TooLarge("too large"))
    assert refusal.grpc is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not refusal.status.details
    assert "details" not in json.loads(refusal.body(Encoding.JSON))


def test_a_bug_is_logged_without_what_was_sent_and_the_sender_keeps_its_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        try:
            int("secret content")
        except ValueError as error:
            raise KeyError("secret key") from error

    try:
        fail()
    except KeyError as error:
        with caplog.at_level(logging.ERROR):
            refusal = status.refusal(error)
    assert (refusal.http, refusal.grpc, refusal.retry_after) == (503, grpc.StatusCode.UNAVAILABLE, 5)
    assert "builtins.KeyError" in caplog.text
    assert "builtins.ValueError" in caplog.text
    assert "in fail" in caplog.text
    text = caplog.text.replace('int("secret content")', "").replace('KeyError("secret key")', "")  # source lines
    assert "secret" not in text + refusal.message


@pytest.mark.parametrize("message", ["x" * 100_000, "\ud800 half a pair", "日本語\n"])
def test_any_message_can_leave(message: str) -> None:
    refusal = status.refusal(errors.Malformed(message))
    assert len(refusal.message) <= status.MESSAGE_LIMIT
    assert Status.FromString(refusal.body(Encoding.PROTOBUF)).message == refusal.message
    assert json.loads(refusal.body(Encoding.JSON))["message"] == refusal.message
    assert status.success(Signal.LOGS, Encoding.PROTOBUF, Answer(0, 1, message=message))


@pytest.mark.parametrize("answer", [Answer(3), Answer(0), Answer(3, absorbed=True)])
@pytest.mark.parametrize("signal", Signal)
def test_full_success_has_no_partial_success(signal: Signal, answer: Answer) -> None:
    assert status.success(signal, Encoding.PROTOBUF, answer) == b""
    assert status.success(signal, Encoding.JSON, answer) == b"{}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(1, 2, message="ids"), {"rejectedSpans": "2", "errorMessage": "ids"}),
        (Answer(1, 2), {"rejectedSpans": "2"}),
        (Answer(1, message="a warning"), {"errorMessage": "a warning"}),
    ],
)
def test_partial_success_says_only_what_there_is(answer: Answer, expected: dict[str, Any]) -> None:
    assert json.loads(status.success(Signal.TRACES, Encoding.JSON, answer)) == {"partialSuccess": expected}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(Answer(1), "accepted"), (Answer(1, 1), "partial"), (Answer(1, absorbed=True), "absorbed")],
)
def test_an_answer_has_an_outcome(answer: Answer, outcome: str) -> None:
    assert status.outcome(answer) == outcome
