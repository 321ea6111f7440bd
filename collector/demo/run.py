"""One trace being performed: spans, logs, approvals and measurements on a clock of its own.

Time passes only where the script says so (`wait`), so a trace can lie in any past. Every agent is a
service; entering one goes through W3C trace context, as it would over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AnyValue

from collector.demo import meters
from collector.demo.agents import EMBEDDING, Agent, Model
from collector.demo.envelope import Approval, Attributes, Task
from collector.demo.stage import Service, Stage

MS = 1_000_000
_PROPAGATOR = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: `kind` is the exception's type as the agent's own code would name it."""

    kind: str
    message: str


class Failure(Exception):
    """A fault on its way up through the agents."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.kind = fault.kind


class Run:
    """`now`, `start` and `until` are ns. People decide before `until`, in `patience` of their usual time."""

    def __init__(
        self, stage: Stage, rng: Random, *, start: int, until: int | None = None, patience: float = 1.0
    ) -> None:
        self.now = start
        self.rng = rng
        self.stage = stage
        self.conversation = f"conv-{rng.getrandbits(48):012x}"
        self.requester = f"user-{rng.randrange(1000, 4000)}"
        self._until = until
        self._patience = patience
        self._open: list[tuple[Service | None, Context]] = [(None, Context())]

    def wait(self, ms: float) -> None:
        self.now += int(ms * MS)

    def jitter(self, ms: float) -> None:
        """Waits about `ms`: log-normal, as services take their time."""
        self.wait(ms * self.rng.lognormvariate(0.0, 0.25))

    def ask(self, seconds: float) -> None:
        """Waits for a person."""
        span = int(seconds * self._patience * 1000 * MS)
        if self._until is not None:
            span = min(span, max(self._until - self.now - 30_000 * MS, 1000 * MS))
        self.now += span

    @contextmanager
    def span(
        self, agent: Agent, name: str, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL
    ) -> Iterator[Span]:
        """A span of `agent`, child of the innermost open one. A `Failure` inside is recorded and goes on."""
        service = self.stage.service(agent, self.now)
        caller, parent = self._open[-1]
        if caller is not None and caller is not service:
            carrier: dict[str, str] = {}
            _PROPAGATOR.inject(carrier, parent)
            parent = _PROPAGATOR.extract(carrier, Context())
        span = service.tracer.start_span(name, context=parent, kind=kind, attributes=attributes, start_time=self.now)
        self._open.append((service, set_span_in_context(span, parent)))
        try:
            yield span
        except Failure as failure:
            failure.__traceback__ = None  # the demo's own frames, slow to format and replaced anyway
            span.record_exception(failure, _exception(failure, agent), timestamp=self.now, escaped=True)
            span.set_attribute("error.type", failure.kind)
            span.set_status(StatusCode.ERROR, str(failure))
            raise
        finally:
            self._open.pop()
            span.end(self.now)

    @contextmanager
    def invoke(self, agent: Agent, task: Task) -> Iterator[tuple[Span, Task]]:
        """An agent at work on a task, one hop on."""
        task = task.hop()
        service = self.stage.service(agent, self.now)
        attributes: Attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.id": agent.id,
            "gen_ai.agent.name": agent.service,
            "gen_ai.agent.version": service.version,
            "gen_ai.conversation.id": self.conversation,
            "user.id": self.requester,
            "muster.release.id": agent.release(service.version),
            **task.attributes(),
        }
        started = self.now
        service.instruments.set(meters.QUEUE, self.rng.randrange(0, 24))
        self.jitter(12)
        outcome = "failed"
        try:
            with self.span(agent, f"invoke_agent {agent.service}", attributes) as span:
                yield span, task
                self.jitter(5)
            outcome = "completed"
        finally:
            labels = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent.service}
            seconds = (self.now - started) / 1e9
            service.instruments.record(meters.DURATION, seconds, meters.series(labels))
            service.instruments.add(meters.TASKS, meters.series({"outcome": outcome}))

    def chat(
        self,
        agent: Agent,
        prompt: str,
        reply: str,
        *,
        system: str = "",
        context_tokens: int = 0,
        fault: Fault | None = None,
        model: Model | None = None,
    ) -> None:
        """One model call. `context_tokens` of the input come from the prompt cache more often than not."""
        model = model or agent.model
        asked = [_message("user", prompt)]
        given: list[AnyValue] = [{**_message("assistant", reply), "finish_reason": "stop"}]
        attributes: Attributes = {
            **_model(model, "chat"),
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.max_tokens": 2048,
            "gen_ai.conversation.id": self.conversation,
            "gen_ai.input.messages": self._written(agent, asked),
        }
        if system:
            instructions = [{"type": "text", "content": system}]
            attributes["gen_ai.system_instructions"] = self._written(agent, instructions)
        started = self.now
        with self.span(agent, f"chat {model.name}", attributes, SpanKind.CLIENT) as span:
            if fault is not None:
                self.jitter(900)
                raise Failure(fault)
            inputs = context_tokens + len(prompt + system) // 4 + self.rng.randrange(8, 40)
            outputs = len(reply) // 4 + self.rng.randrange(4, 24)
            cached = context_tokens if context_tokens and self.rng.random() < 0.6 else 0
            self.wait(180 + outputs / model.speed * 1000)
            span.set_attributes(
                {
                    "gen_ai.response.model": model.served,
                    "gen_ai.response.id": f"resp_{self.rng.getrandbits(80):020x}",
                    "gen_ai.response.finish_reasons": ["stop"],
                    "gen_ai.output.messages": self._written(agent, given),
                    "gen_ai.usage.input_tokens": inputs,
                    "gen_ai.usage.output_tokens": outputs,
                    "gen_ai.usage.cache_read.input_tokens": cached,
                }
            )
        self._measure(agent, model, "chat", started, input=inputs, output=outputs)

    def retrieve(self, agent: Agent, query: str, source: str, documents: Sequence[tuple[str, float]]) -> None:
        """Embeds the query, then searches. `documents` are (id, score), best first."""
        tokens = len(query) // 4 + 3
        started = self.now
        attributes: Attributes = {**_model(EMBEDDING, "embeddings"), "gen_ai.usage.input_tokens": tokens}
        attributes["gen_ai.embeddings.dimension.count"] = 1536
        with self.span(agent, f"embeddings {EMBEDDING.name}", attributes, SpanKind.CLIENT):
            self.jitter(45)
        self._measure(agent, EMBEDDING, "embeddings", started, input=tokens)
        found: list[AnyValue] = [{"id": document, "score": score} for document, score in documents]
        attributes = {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": source,
            "gen_ai.retrieval.query.text": query,
            "gen_ai.retrieval.top_k": len(documents),
            "gen_ai.retrieval.documents": self._written(agent, found),
        }
        with self.span(agent, f"retrieval {source}", attributes, SpanKind.CLIENT):
            self.jitter(70)

    def tool(
        self,
        agent: Agent,
        name: str,
        arguments: Mapping[str, AnyValue],
        result: Mapping[str, AnyValue],
        *,
        ms: float = 120,
        fault: Fault | None = None,
        exact: bool = False,
        more: Mapping[str, AnyValue] | None = None,
    ) -> None:
        """One tool call of about `ms` (`exact`ly that, if so); with `fault` it ends with that instead. `more`: what
        its span says beside, or otherwise.
        """
        attributes: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": f"call_{self.rng.getrandbits(64):016x}",
            "gen_ai.tool.call.arguments": self._written(agent, arguments),
            "gen_ai.agent.name": agent.service,
            **(more or {}),
        }
        service = self.stage.service(agent, self.now)
        labels = {"gen_ai.tool.name": name, "outcome": "error" if fault else "ok"}
        service.instruments.add(meters.TOOL_CALLS, meters.series(labels))
        with self.span(agent, f"execute_tool {name}", attributes) as span:
            if exact:
                self.wait(ms)
            else:
                self.jitter(ms)
            if fault is not None:
                raise Failure(fault)
            span.set_attribute("gen_ai.tool.call.result", self._written(agent, result))

    def approval(self, agent: Agent, span: Span, approval: Approval, *, as_log: bool = False) -> None:
        if as_log:
            self.log(agent, f"Approval {approval.decision}", approval.attributes(), event="muster.approval")
        else:
            span.add_event("muster.approval", approval.attributes(), timestamp=self.now)

    def log(
        self,
        agent: Agent,
        body: str,
        attributes: Attributes | None = None,
        *,
        severity: SeverityNumber = SeverityNumber.INFO,
        event: str | None = None,
    ) -> None:
        self.stage.service(agent, self.now).logger.emit(
            timestamp=self.now,
            observed_timestamp=self.now,
            context=self._open[-1][1],
            severity_number=severity,
            severity_text=severity.name,
            body=body,
            attributes=attributes,
            event_name=event,
        )

    def warn(self, agent: Agent, body: str) -> None:
        self.log(agent, body, severity=SeverityNumber.WARN)

    def fail(self, agent: Agent, failure: Failure) -> None:
        attributes: Attributes = {"exception.type": failure.kind, "exception.message": str(failure)}
        self.log(agent, f"Task failed: {failure}", attributes, severity=SeverityNumber.ERROR)

    def _written(self, agent: Agent, value: AnyValue) -> AnyValue:
        return value if agent.structured else json.dumps(value)

    def _measure(self, agent: Agent, model: Model, operation: str, started: int, **tokens: int) -> None:
        instruments = self.stage.service(agent, self.now).instruments
        labels = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.name,
        }
        seconds = (self.now - started) / 1e9
        instruments.record(meters.DURATION, seconds, meters.series(labels))
        for kind, count in tokens.items():
            typed = meters.series({**labels, "gen_ai.token.type": kind})
            instruments.record(meters.TOKENS, count, typed)


def _model(model: Model, operation: str) -> Attributes:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": model.name,
    }


def _message(role: str, text: str) -> dict[str, AnyValue]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _exception(failure: Failure, agent: Agent) -> Attributes:
    # The agent's own stack, not this file's: the same bytes wherever the demo runs.
    where = f'  File "/app/{agent.service.replace("-", "_")}/steps.py", line 118, in run'
    return {
        "exception.type": failure.kind,
        "exception.stacktrace": f"Traceback (most recent call last):\n{where}\n{failure.kind}: {failure}",
    }
