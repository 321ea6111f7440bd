"""With which an agent asks a person before it acts, and waits:

    gate = Gate.of_environment("support-crm-writer")
    with gate.call("billing.refund", {"case": "C-1042", "amount": 900}, policy=("refund-over-500", "3")) as permit:
        refund(**permit.arguments)

`call` asks, waits, and opens the tool's span, which names the approval; `ask` only asks and waits. `AsyncGate` does the
same with `async`. What is asked and what came of it stands on the current span as events `muster.approval`, and the
request carries the trace's context, so that record, trace and execution are joined.

Nothing is done unless somebody said so:

    NotApproved          the sentence says what to do
    ├── Denied           a person said no
    ├── TimedOut         nobody said anything in time
    └── Unanswered       the API can't be asked, or doesn't let the agent ask
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypedDict, Unpack

import httpx
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, Tracer
from pydantic import BaseModel, ValidationError

from inventory.client.approvals import PATH
from inventory.client.asker import Busy, ClientError, NotUnderstood, Refused, Unreachable, understood, unreachable
from inventory.client.environment import DEFAULT_URL, api_of_environment
from inventory.contract.approvals import LONGEST_WAIT, ApprovalDetail, ApprovalRecord, AskApproval, Mode

_TIMEOUT: Final = httpx.Timeout(LONGEST_WAIT + 10.0, connect=3.0)
_TRIES: Final = 8
_LONGEST_PAUSE: Final = 10.0


class NotApproved(Exception):
    """It must not be done. `approval`: the record, where there is one."""

    def __init__(self, said: str, approval: ApprovalRecord | None = None) -> None:
        super().__init__(said)
        self.approval = approval


class Denied(NotApproved):
    pass


class TimedOut(NotApproved):
    pass


class Unanswered(NotApproved):
    pass


@dataclass(frozen=True, slots=True)
class Permit:
    """It may be done, with these arguments: a person may have changed them. `attributes` belong on the tool's span."""

    approval: ApprovalRecord
    tool_call_id: str
    arguments: dict[str, Any]

    @property
    def attributes(self) -> dict[str, str]:
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": self.approval.tool,
            "gen_ai.tool.call.id": self.tool_call_id,
            "gen_ai.tool.call.arguments": json.dumps(self.arguments),
            "muster.approval.id": self.approval.id,
        }


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    model: type[ApprovalRecord | ApprovalDetail]
    body: BaseModel | None
    headers: dict[str, str]
    wait: int


_Pause = float
_Steps = Generator[_Request | _Pause, ApprovalRecord | ClientError | None, Permit]


class Said(TypedDict, total=False):
    """What may be said beside. `policy`: its id and version; `requester`: for whom the agent works; `approvers`:
    people, or team:…; `mode` observe: the agent goes on whatever is said.
    """

    policy: tuple[str, str]
    tool_call_id: str
    shown: str
    requester: str
    approvers: Sequence[str]
    verdict: str
    why: str
    mode: Mode
    minutes: int
    good_for_minutes: int
    task_id: str


class _Agent:
    """What both gates know; `_steps` says what is sent when, whoever sends it."""

    def __init__(self, agent: str, url: str, token: str | None, tracer: Tracer | None) -> None:
        self.agent = agent
        self.url = url.rstrip("/")
        self.tracer = tracer or trace.get_tracer("muster.gate")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def of_environment(cls, agent: str) -> Self:
        """As `api_of_environment` says; the token is the agent's own. Raises TokenFileError."""
        url, token = api_of_environment()
        return cls(agent, url, token, None)

    def _asked(self, tool: str, arguments: Mapping[str, Any], more: Said) -> AskApproval:
        """Raises Unanswered for what can't be asked."""
        context = trace.get_current_span().get_span_context()
        here = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        said: dict[str, Any] = {**more}
        policy, version = said.pop("policy", ("", ""))
        call = said.pop("tool_call_id", "") or f"call_{uuid.uuid4().hex[:24]}"
        told = {"agent": self.agent, "tool": tool, "arguments": dict(arguments), "tool_call_id": call,
                "policy_id": policy, "policy_version": version, **said}  # fmt: skip
        try:
            return AskApproval.model_validate({**told, **here} if context.is_valid else told)
        except ValidationError as error:
            raise Unanswered(f"This can't be asked for: {error}") from None

    def _steps(self, asked: AskApproval) -> _Steps:
        """Retries what may be tried again; the key makes it one request however often it is sent."""
        span = trace.get_current_span()
        propagate.inject(headers := {"Idempotency-Key": uuid.uuid4().hex, **self._headers})
        row = yield from self._told(_Request("POST", PATH, ApprovalRecord, asked, headers, 0))
        _note(span, row)
        while row.state == "pending":
            path = f"{PATH}/{row.id}"
            row = yield from self._told(_Request("GET", path, ApprovalDetail, None, self._headers, LONGEST_WAIT))
        _note(span, row)
        if row.enforced != "allowed":
            raise _refusal(row)
        arguments = dict(asked.arguments) if row.decided_arguments is None else json.loads(row.decided_arguments)
        return Permit(row, asked.tool_call_id, arguments)

    def _told(
        self, request: _Request
    ) -> Generator[_Request | _Pause, ApprovalRecord | ClientError | None, ApprovalRecord]:
        for attempt in range(_TRIES):
            answer = yield request
            if isinstance(answer, ApprovalRecord):
                return answer
            if not _passes(answer):
                raise Unanswered(f"{self.agent} may not ask: {answer}") from answer
            yield min(_LONGEST_PAUSE, 0.25 * 2**attempt)
        raise Unanswered(f"Nobody could be asked. {answer}")


class Gate(_Agent):
    """Asks and waits. Safe to share between threads; a context manager that closes its connections."""

    def __init__(self, agent: str, url: str = DEFAULT_URL, token: str | None = None,
                 tracer: Tracer | None = None) -> None:  # fmt: skip
        super().__init__(agent, url, token, tracer)
        self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT, trust_env=False)

    def ask(self, tool: str, arguments: Mapping[str, Any], **more: Unpack[Said]) -> Permit:
        """Returns when a person let it happen. Raises NotApproved otherwise."""
        steps = self._steps(self._asked(tool, arguments, more))
        answer: ApprovalRecord | ClientError | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as done:
                permit: Permit = done.value
                return permit
            answer = None
            if isinstance(step, float):
                time.sleep(step)
            else:
                answer = self._send(step)

    @contextmanager
    def call(self, tool: str, arguments: Mapping[str, Any], **more: Unpack[Said]) -> Iterator[Permit]:
        """As `ask`, and then the tool's span, as long as the block lasts."""
        permit = self.ask(tool, arguments, **more)
        with self.tracer.start_as_current_span(f"execute_tool {tool}", attributes=permit.attributes):
            yield permit

    def _send(self, asked: _Request) -> ApprovalRecord | ClientError:
        try:
            return _read(self.url, asked, self._http.send(_built(self._http, asked)))
        except httpx.TransportError as error:
            return unreachable(self.url, error)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncGate(_Agent):
    """As `Gate`, in one event loop."""

    def __init__(self, agent: str, url: str = DEFAULT_URL, token: str | None = None,
                 tracer: Tracer | None = None) -> None:  # fmt: skip
        super().__init__(agent, url, token, tracer)
        self._http = httpx.AsyncClient(base_url=self.url, timeout=_TIMEOUT, trust_env=False)

    async def ask(self, tool: str, arguments: Mapping[str, Any], **more: Unpack[Said]) -> Permit:
        """As `Gate.ask`."""
        steps = self._steps(self._asked(tool, arguments, more))
        answer: ApprovalRecord | ClientError | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as done:
                permit: Permit = done.value
                return permit
            answer = None
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                answer = await self._send(step)

    @asynccontextmanager
    async def call(self, tool: str, arguments: Mapping[str, Any], **more: Unpack[Said]) -> AsyncIterator[Permit]:
        permit = await self.ask(tool, arguments, **more)
        with self.tracer.start_as_current_span(f"execute_tool {tool}", attributes=permit.attributes):
            yield permit

    async def _send(self, asked: _Request) -> ApprovalRecord | ClientError:
        try:
            return _read(self.url, asked, await self._http.send(_built(self._http, asked)))
        except httpx.TransportError as error:
            return unreachable(self.url, error)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _passes(error: ClientError | None) -> bool:
    """Whether it may be otherwise in a moment: nobody answered, or not as itself, or it was too busy or stopping."""
    failed = isinstance(error, Refused) and error.problem.status >= 500
    return failed or isinstance(error, Unreachable | NotUnderstood | Busy)


def _built(http: httpx.Client | httpx.AsyncClient, asked: _Request) -> httpx.Request:
    body = None if asked.body is None else asked.body.model_dump_json().encode()
    headers = {**asked.headers, **({"Content-Type": "application/json"} if body is not None else {})}
    params = {"wait": str(asked.wait)} if asked.wait else None
    return http.build_request(asked.method, asked.path, content=body, headers=headers, params=params)


def _read(url: str, asked: _Request, response: httpx.Response) -> ApprovalRecord | ClientError:
    try:
        found = understood(url, asked.path, asked.model, response)
    except ClientError as error:
        return error
    return found.approval if isinstance(found, ApprovalDetail) else found


def _note(span: Span, row: ApprovalRecord) -> None:
    """What was asked and said, on the span that asked; digests, and not what they are of."""
    said = {
        "id": row.id,
        "decision": "requested" if row.state == "pending" else row.state,
        "approver": row.approver or row.decided_by or "",
        "policy.id": row.policy_id,
        "policy.version": row.policy_version,
        "verdict": row.verdict,
        "enforced": row.enforced,
        "arguments.digest": row.allowed_digest or row.arguments_digest,
        "shown.digest": row.shown_digest,
        "requested_at": row.requested_at.isoformat(),
        "decided_at": row.decided_at.isoformat() if row.decided_at else "",
        "tool": row.tool,
        "tool_call_id": row.tool_call_id,
    }
    span.add_event("muster.approval", {f"muster.approval.{name}": text for name, text in said.items() if text})


def _refusal(row: ApprovalRecord) -> NotApproved:
    if row.state == "timed-out":
        return TimedOut(f"Nobody decided about {row.tool} by {row.expires_at:%H:%M} UTC ({row.id}). Ask again.", row)
    said = f": {row.reason}" if row.reason else ""
    return Denied(f"{row.approver or row.decided_by or 'Nobody'} did not let {row.tool} happen{said} ({row.id}).", row)
