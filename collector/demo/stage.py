"""Where agents perform: one TracerProvider and LoggerProvider for each service, ids from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from opentelemetry._logs import Logger
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer

from collector.demo.agents import Agent
from collector.demo.meters import Instruments, Meters


class Audience(Protocol):
    """Takes what the services' SDKs produce, as it ends."""

    def on_span(self, service: str, span: ReadableSpan) -> None: ...

    def on_log(self, service: str, record: ReadableLogRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Service:
    """One running version of an agent."""

    agent: Agent
    version: str
    instruments: Instruments
    tracer: Tracer
    logger: Logger


class Stage:
    """Builds each service once. `rollout` (ns) is when agents with two versions change to the second."""

    def __init__(self, audience: Audience, *, seed: int, rollout: int, epoch: int) -> None:
        self._audience = audience
        self._rng = Random(f"ids/{seed}")  # noqa: S311
        self._rollout = rollout
        self._services: dict[tuple[str, str], Service] = {}
        self.meters = Meters(epoch)

    def service(self, agent: Agent, at: int) -> Service:
        """The version of the agent that runs at `at` (ns)."""
        version = agent.versions[-1 if at >= self._rollout else 0]
        key = (agent.service, version)
        if key not in self._services:
            self._services[key] = self._start(agent, version)
        return self._services[key]

    def _start(self, agent: Agent, version: str) -> Service:
        resource = Resource.create(
            {
                "service.name": agent.service,
                "service.namespace": agent.namespace,
                "service.version": version,
                "service.instance.id": f"{agent.service}-{Random(agent.id + version).getrandbits(40):010x}",  # noqa: S311
                "deployment.environment.name": "production",
            }
        )
        capture = _Capture(agent.service, self._audience)
        tracers = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=_SeededIds(self._rng), shutdown_on_exit=False
        )
        tracers.add_span_processor(capture)
        loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
        loggers.add_log_record_processor(_CaptureLogs(agent.service, self._audience))
        scope = ("velocity.agents", "2.5.0")
        instruments = self.meters.instruments(resource)
        return Service(agent, version, instruments, tracers.get_tracer(*scope), loggers.get_logger(*scope))


class _SeededIds(IdGenerator):
    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def generate_span_id(self) -> int:
        return self._rng.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._rng.getrandbits(128) or 1

    def is_trace_id_random(self) -> bool:
        return True


class _Capture(SpanProcessor):
    def __init__(self, service: str, audience: Audience) -> None:
        self._service = service
        self._audience = audience

    def on_end(self, span: ReadableSpan) -> None:
        self._audience.on_span(self._service, span)


class _CaptureLogs(LogRecordProcessor):
    def __init__(self, service: str, audience: Audience) -> None:
        self._service = service
        self._audience = audience

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        assert log_record.resource is not None
        self._audience.on_log(
            self._service,
            ReadableLogRecord(
                log_record=log_record.log_record,
                resource=log_record.resource,
                instrumentation_scope=log_record.instrumentation_scope,
                limits=log_record.limits,
            ),
        )

    def shutdown(self) -> None:
        """Nothing is held back here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
