"""The `muster.*` facts agents claim about themselves: task envelope, policy verdicts, approvals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from opentelemetry.util.types import AnyValue

Attributes = dict[str, AnyValue]


def moment(ns: int) -> str:
    """RFC 3339 with milliseconds."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def digest(arguments: Mapping[str, AnyValue]) -> str:
    """Of tool arguments, independent of the order of keys."""
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
    return f"sha256:{sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Task:
    """The task envelope as it travels from agent to agent. `deadline` is in ns, `ttl` in hops."""

    id: str
    workflow_version: str
    business_key: str
    classification: str
    confidence: float
    sensitivity: str
    deadline: int
    tool_budget: int
    allowed_actions: tuple[str, ...]
    hop_count: int = 0
    ttl: int = 12

    def hop(self) -> Task:
        return replace(self, hop_count=self.hop_count + 1)

    def attributes(self) -> Attributes:
        return {
            "muster.task.id": self.id,
            "muster.task.workflow_version": self.workflow_version,
            "muster.task.business_key": self.business_key,
            "muster.task.classification": self.classification,
            "muster.task.confidence": self.confidence,
            "muster.task.sensitivity": self.sensitivity,
            "muster.task.deadline": moment(self.deadline),
            "muster.task.tool_budget": self.tool_budget,
            "muster.task.allowed_actions": self.allowed_actions,
            "muster.task.hop_count": self.hop_count,
            "muster.task.ttl": self.ttl,
        }


@dataclass(frozen=True, slots=True)
class Policy:
    id: str
    version: str

    def verdict(self, verdict: str, enforced: str, **more: AnyValue) -> Attributes:
        """What the policy says, apart from what was done about it."""
        return {
            "muster.policy.id": self.id,
            "muster.policy.version": self.version,
            "muster.policy.verdict": verdict,
            "muster.policy.enforced": enforced,
            **{f"muster.policy.{name}": value for name, value in more.items()},
        }


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's decision about one action. `approver` and `decided_at` are unknown when nobody decided."""

    id: str
    decision: str
    policy: Policy
    arguments: Mapping[str, AnyValue]
    shown: Mapping[str, AnyValue]
    requested_at: int
    approver: str | None = None
    decided_at: int | None = None

    def attributes(self) -> Attributes:
        attributes: Attributes = {
            "muster.approval.id": self.id,
            "muster.approval.decision": self.decision,
            "muster.approval.policy.id": self.policy.id,
            "muster.approval.policy.version": self.policy.version,
            "muster.approval.verdict": "needs_approval",
            "muster.approval.enforced": "allowed" if self.decision == "approved" else "blocked",
            "muster.approval.arguments.digest": digest(self.arguments),
            "muster.approval.shown.digest": digest(self.shown),
            "muster.approval.requested_at": moment(self.requested_at),
        }
        if self.approver is not None and self.decided_at is not None:
            attributes["muster.approval.approver"] = self.approver
            attributes["muster.approval.decided_at"] = moment(self.decided_at)
        return attributes
