"""The demo's customer support, with a supervisor who is really asked before a large refund is booked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import get_current_span, use_span
from opentelemetry.util.types import AnyValue

from collector.demo.agents import Agent
from collector.demo.run import Run
from collector.demo.support import REFUND_LIMIT, REFUND_POLICY
from inventory.client.gate import Gate


class Collected:
    """The demo's audience: what its agents' tracers ended."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_span(self, service: str, span: ReadableSpan) -> None:
        self.spans.append(span)

    def on_log(self, service: str, record: ReadableLogRecord) -> None:
        pass


class AskingRun(Run):
    def __init__(self, gate: Gate, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._gate = gate

    def tool(
        self, agent: Agent, name: str, arguments: Mapping[str, AnyValue], result: Mapping[str, AnyValue], **how: Any
    ) -> None:
        amount = arguments.get("amount")
        if name != "billing.refund" or not isinstance(amount, float) or amount <= REFUND_LIMIT:
            super().tool(agent, name, arguments, result, **how)
            return
        with use_span(get_current_span(self._open[-1][1])):
            permit = self._gate.ask(
                name, arguments, policy=(REFUND_POLICY.id, REFUND_POLICY.version), requester=self.requester
            )
        super().tool(agent, name, permit.arguments, result, more=permit.attributes, **how)
