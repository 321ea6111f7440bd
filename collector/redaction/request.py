"""A spooled request with the policy applied: for dead letters, which no view will ever see.

Every text becomes what the views would make of it. A list or a map in which something was replaced becomes its JSON
text in the private member that keeps its kind, as deep values do; a number in which something was becomes a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from collector.redaction.redactor import Redactor
from collector.redaction.spooled import spooled_types
from collector.redaction.value_text import text_of
from collector.segment import Corrupt
from collector.signals import Signal

_MEMBER = {
    "array_value": "array_json",
    "array_json": "array_json",
    "kvlist_value": "kvlist_json",
    "kvlist_json": "kvlist_json",
}


class RequestRedaction:
    """Applies a policy to serialised requests.

    `digest` is taken of the text of a span's first attribute among `argument_names`, before anything is replaced, and
    goes along with the span; a span that brings its digest already keeps it.
    """

    def __init__(self, redactor: Redactor, digest: Callable[[str], str], argument_names: Sequence[str]) -> None:
        self._redactor = redactor
        self._digest = digest
        self._argument_names = tuple(argument_names)
        self._types = spooled_types()

    def __call__(self, signal: Signal, payload: bytes) -> bytes:
        """The request as it may be kept. Raises `Corrupt` where it isn't what the collector spools."""
        try:
            request: Any = self._types[signal].FromString(payload)
        except DecodeError:
            raise Corrupt(f"a request of {signal} in the spool can't be read: nothing of it can be kept") from None
        if signal is Signal.TRACES:
            self._traces(request)
        elif signal is Signal.LOGS:
            self._logs(request)
        else:
            self._metrics(request)
        return bytes(request.SerializeToString())

    def _traces(self, request: Any) -> None:
        for resource in request.resource_spans:
            org = resource.stamp.org
            self._attributes(org, resource.resource.attributes)
            for scope in resource.scope_spans:
                self._attributes(org, scope.scope.attributes)
                for span in scope.spans:
                    self._keep_digest(span)
                    self._text(org, span, "name")
                    self._text(org, span.status, "message")
                    self._attributes(org, span.attributes)
                    for event in span.events:
                        self._text(org, event, "name")
                        self._attributes(org, event.attributes)
                    for link in span.links:
                        self._attributes(org, link.attributes)

    def _logs(self, request: Any) -> None:
        for resource in request.resource_logs:
            org = resource.stamp.org
            self._attributes(org, resource.resource.attributes)
            for scope in resource.scope_logs:
                self._attributes(org, scope.scope.attributes)
                for record in scope.log_records:
                    if record.HasField("body"):
                        self._value(org, "", record.body)
                    self._attributes(org, record.attributes)

    def _metrics(self, request: Any) -> None:
        for resource in request.resource_metrics:
            org = resource.stamp.org
            self._attributes(org, resource.resource.attributes)
            for scope in resource.scope_metrics:
                self._attributes(org, scope.scope.attributes)
                for metric in scope.metrics:
                    self._attributes(org, metric.metadata)
                    kind = metric.WhichOneof("data")
                    for point in getattr(metric, kind).data_points if kind else ():
                        self._attributes(org, point.attributes)
                        for exemplar in getattr(point, "exemplars", ()):
                            self._attributes(org, exemplar.filtered_attributes)

    def _keep_digest(self, span: Any) -> None:
        if span.arguments_digest:
            return
        texts = {pair.key: text_of(pair.value) for pair in span.attributes if pair.key in self._argument_names}
        for name in self._argument_names:
            if texts.get(name):
                span.arguments_digest = self._digest(texts[name])
                return

    def _text(self, org: str, message: Any, field: str) -> None:
        text = getattr(message, field)
        redacted = self._redactor.redact(org, "", text).text
        if redacted != text:
            setattr(message, field, redacted)

    def _attributes(self, org: str, pairs: Iterable[Any]) -> None:
        for pair in pairs:
            self._value(org, pair.key, pair.value)

    def _value(self, org: str, key: str, value: Any) -> None:
        text = text_of(value)
        redacted = self._redactor.redact(org, key, text).text
        if redacted != text:
            setattr(value, _MEMBER.get(value.WhichOneof("value"), "string_value"), redacted)
