"""OTLP/JSON says the same as protobuf, and what says nothing is refused with the place of the mistake."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.errors import Malformed, TooLarge
from collector.receivers.otlp_json import REQUEST, parse, to_protobuf
from collector.signals import Signal
from tests.collector.strategies import requests

IDS = {"trace_id", "span_id", "parent_span_id"}
LONG = {
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
}

any_settings = settings(max_examples=70, deadline=None, suppress_health_check=list(HealthCheck))


def to_json(message: Message) -> dict[str, Any]:
    """What a sender writes; independent of the parser under test."""
    return {
        field.json_name: [one(field, item) for item in value] if field.is_repeated else one(field, value)
        for field, value in message.ListFields()
    }


def one(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Message):
        return to_json(value)
    if isinstance(value, bytes):
        return value.hex() if field.name in IDS else base64.b64encode(value).decode()
    if field.type in LONG:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def value_of(value: str) -> bytes:
    return b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":%s}]}]}]}' % value.encode()


def body(value: str) -> Any:
    message: Any = parse(Signal.LOGS, value_of(value))
    return message.resource_logs[0].scope_logs[0].log_records[0].body


def span(members: str) -> Any:
    text = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{}},{{}},{{}},{{{members}}}]}}]}}]}}'
    message: Any = parse(Signal.TRACES, text.encode())
    return message.resource_spans[0].scope_spans[0].spans[3]


def place_of_mistake(members: str) -> str:
    with pytest.raises(Malformed) as caught:
        span(members)
    prefix = "resourceSpans[0].scopeSpans[0].spans[3]."
    assert str(caught.value).startswith(prefix)
    return str(caught.value).removeprefix(prefix)


@pytest.mark.parametrize("signal", Signal)
@any_settings
@given(data=st.data())
def test_any_message_comes_back_equal(signal: Signal, data: st.DataObject) -> None:
    message = data.draw(requests(signal))
    read = parse(signal, json.dumps(to_json(message)).encode())
    # Compared as text: NaN is not equal to itself, and -0.0 is equal to 0.0.
    assert repr(to_json(read)) == repr(to_json(message))


@any_settings
@given(signal=st.sampled_from(Signal), text=st.binary(max_size=200))
def test_any_bytes_give_a_message_or_malformed(signal: Signal, text: bytes) -> None:
    message_or_malformed(signal, text)


KEYS = sorted(
    {
        field.json_name
        for request in REQUEST.values()
        for level in (
            request.DESCRIPTOR,
            *[f.message_type for f in request.DESCRIPTOR.fields if f.message_type],
        )
        for field in level.fields
    }
    | {"spans", "logRecords", "metrics", "traceId", "attributes", "key", "value", "arrayValue", "values"}
    | {"intValue", "gauge", "sum", "dataPoints", "bucketCounts", "kind", "timeUnixNano", "events", "x"}
)
json_documents = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=34),
        st.text("0123456789abcdefABCDEF", max_size=34),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=20,
)


@any_settings
@given(signal=st.sampled_from(Signal), document=json_documents)
def test_any_json_gives_a_message_or_malformed(signal: Signal, document: Any) -> None:
    message_or_malformed(signal, json.dumps(document).encode())


@any_settings
@given(data=st.data(), signal=st.sampled_from(Signal))
def test_a_damaged_request_gives_a_message_or_malformed(signal: Signal, data: st.DataObject) -> None:
    """One value somewhere inside is replaced by any other."""
    document = to_json(data.draw(requests(signal)))
    node: Any = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            node[key] = data.draw(json_documents)
            break
        node = node[key]
    message_or_malformed(signal, json.dumps(document).encode())


def message_or_malformed(signal: Signal, text: bytes) -> None:
    try:
        assert isinstance(parse(signal, text), REQUEST[signal])
    except Malformed:
        return


def test_ids_are_hex_in_any_case() -> None:
    read = span('"traceId":"5B8EFFF798038103d269b633813fc60c","spanId":"EEE19B7EC3C1B174","parentSpanId":""')
    assert read.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert read.span_id.hex() == "eee19b7ec3c1b174"
    assert read.parent_span_id == b""


@pytest.mark.parametrize("bad", ['"5b8"', '"5b8efff798038103d269b633813fc6 0"', '"' + "x" * 32 + '"', "1", "[]"])
def test_an_id_that_is_not_hex_is_refused_with_its_place(bad: str) -> None:
    assert place_of_mistake(f'"traceId":{bad}') == "traceId: expected hex digits, two a byte"


def test_an_id_of_another_length_is_read_and_judged_item_by_item_later() -> None:
    assert span('"traceId":"5b8e"').trace_id == bytes.fromhex("5b8e")


def test_a_mistake_in_an_attribute_names_its_whole_path_and_no_content() -> None:
    attribute = '{"key":"secret","value":{"arrayValue":{"values":[{},{"intValue":"secret"}]}}}'
    place = place_of_mistake(f'"attributes":[{{}},{attribute}]')
    assert place.startswith("attributes[1].value.arrayValue.values[1].intValue: expected a 64-bit integer")
    assert "secret" not in place


@pytest.mark.parametrize("written", ["-42", '"-42"', "-42.0", "-4.2e1"])
def test_a_64_bit_integer_is_a_number_or_a_string(written: str) -> None:
    assert body(f'{{"intValue":{written}}}').int_value == -42


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
@pytest.mark.parametrize("written", ["%d", '"%d"'])
def test_extreme_integers_are_exact(value: int, written: str) -> None:
    assert body(f'{{"intValue":{written % value}}}').int_value == value


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 10**30, -(10**400)])
def test_an_integer_string_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(Malformed):
        body(f'{{"intValue":"{value}"}}')


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 10**30, 18446744073709552000, 1.7976931348623157e308])
def test_a_javascript_number_that_no_integer_can_hold_is_a_double(value: float) -> None:
    read = body(f'{{"intValue":{value}}}')
    assert read.WhichOneof("value") == "double_value"
    assert read.double_value == float(value)


def test_a_number_that_no_double_can_hold_is_refused() -> None:
    with pytest.raises(Malformed):
        body(f'{{"intValue":{-(10**400)}}}')


@pytest.mark.parametrize("value", ["-1", '"-1"', str(2**64), "1.5", '"1_000"', '" 1"', '"١"', "true", '""', "{}"])
def test_a_time_that_is_no_uint64_is_refused(value: str) -> None:
    assert place_of_mistake(f'"startTimeUnixNano":{value}').startswith("startTimeUnixNano: expected")


@pytest.mark.parametrize("value", [str(2**32), "-1", '"4294967296"'])
def test_a_count_that_is_no_uint32_is_refused(value: str) -> None:
    assert "32-bit" in place_of_mistake(f'"droppedEventsCount":{value}')


@pytest.mark.parametrize("written", ["3", '"SPAN_KIND_CLIENT"'])
def test_an_enum_is_a_number_or_a_name(written: str) -> None:
    assert span(f'"kind":{written}').kind == 3


def test_an_enum_name_that_does_not_exist_is_refused() -> None:
    assert place_of_mistake('"kind":"CLIENT"').startswith("kind: expected a number or a name of the enum")


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1.5", "-1e3"])
def test_doubles_may_be_strings(written: str) -> None:
    assert repr(body(f'{{"doubleValue":"{written}"}}').double_value) == repr(float(written))


def test_doubles_may_be_integers() -> None:
    assert body('{"doubleValue":7}').double_value == 7.0


@pytest.mark.parametrize("written", ["+/8=", "+/8", "-_8", "-_8="])
def test_bytes_are_base64_of_either_alphabet(written: str) -> None:
    assert body(f'{{"bytesValue":"{written}"}}').bytes_value == b"\xfb\xff"


@pytest.mark.parametrize("written", ["A", "*", "AA=A", "é"])
def test_bad_base64_is_refused(written: str) -> None:
    with pytest.raises(Malformed, match="base64"):
        body(f'{{"bytesValue":"{written}"}}')


def test_null_is_absent_and_unknown_fields_are_ignored() -> None:
    read = span('"name":null,"trace_id":"not this","novel":{"deep":[1]},"kind":2,"events":null')
    assert (read.name, read.trace_id, read.kind) == ("", b"", 2)
    assert body('{"stringValue":null,"intValue":"1"}').int_value == 1


def test_two_kinds_of_one_value_are_refused() -> None:
    with pytest.raises(Malformed, match=r"body: more than one kind of value is set"):
        body('{"stringValue":"a","intValue":"1"}')


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null"])
def test_a_document_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="the document: expected an object"):
        parse(Signal.TRACES, text.encode())


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"a":"\xff"}', b'{"a":NaN}', b"\xef\xbb\xbf{}", b"{}{}", b"\x00"],
)
def test_what_is_not_json_is_refused_with_line_and_column(text: bytes) -> None:
    with pytest.raises(Malformed, match=r"not valid JSON \(line \d+, column \d+\)"):
        parse(Signal.METRICS, text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\ud83e", "\ufffd"),
        (r"a\uDD14b", "a\ufffdb"),
        (r"\ud83e\ud83e\udd14", "\ufffd\U0001f914"),
        (r"\ud83e\udd14\ud83e", "\U0001f914\ufffd"),
        (r"\\ud83e\ud83e", "\\ud83e\ufffd"),
    ],
)
def test_half_a_surrogate_pair_is_read_as_the_replacement_character(written: str, read: str) -> None:
    assert body(f'{{"stringValue":"{written}"}}').string_value == read


def test_a_body_of_too_many_objects_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(TooLarge, match="500000"):
        parse(Signal.TRACES, b'{"resourceSpans":[' + b"{}," * 500_000 + b"{}]}")


def nested(levels: int) -> str:
    return '{"arrayValue":{"values":[' * levels + "{}" + "]}}" * levels


def test_values_nest_as_deep_as_protobuf_reads() -> None:
    # Of a hundred below the request, four lead to the body; a level is an AnyValue and its ArrayValue.
    text = value_of(nested(48))
    assert REQUEST[Signal.LOGS].FromString(to_protobuf(Signal.LOGS, text)) == parse(Signal.LOGS, text)


@pytest.mark.parametrize("levels", [49, 100, 300])
def test_deeper_values_are_refused(levels: int) -> None:
    with pytest.raises(Malformed, match="nested deeper than 100 messages"):
        body(nested(levels))


@pytest.mark.parametrize("text", [nested(100_000), "[" * 400_000, '{"a":' * 400_000])
def test_depth_without_end_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        body(text)


def test_packed_numbers_are_read() -> None:
    point = '{"count":"3","bucketCounts":["1",2],"explicitBounds":[0.5,"Infinity",7],"sum":1}'
    metric = f'{{"histogram":{{"dataPoints":[{point}]}}}}'
    text = f'{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}'
    message: Any = parse(Signal.METRICS, text.encode())
    read = message.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0]
    assert (list(read.bucket_counts), list(read.explicit_bounds)) == ([1, 2], [0.5, math.inf, 7.0])
    assert (read.count, read.sum, read.HasField("min")) == (3, 1.0, False)
