"""The client's approvals: for who decides. Agents ask with `inventory.client.gate`."""

from __future__ import annotations

from typing import Any

from inventory.client.asker import Asker, quoted
from inventory.contract import approvals as wire

PATH = "/v1/approval-requests"


class Approvals(Asker):
    """Reads and decisions."""

    def list_approvals(self, *, limit: int = 100, cursor: str | None = None, **filters: Any) -> wire.ApprovalPage:
        """Filters: agent, state, tool, trace, since, until. Newest first."""
        return self._get(PATH, wire.ApprovalPage, {**filters, "limit": limit, "cursor": cursor})

    def get_approval(self, name: str, *, wait: int = 0) -> wire.ApprovalDetail:
        """`wait`: seconds until it is answered though nobody has decided."""
        return self._get(f"{PATH}/{quoted(name)}", wire.ApprovalDetail, {"wait": wait})

    def ask_approval(self, asked: wire.AskApproval, *, key: str | None = None) -> wire.ApprovalRecord:
        return self._ask("POST", PATH, wire.ApprovalRecord, body=asked, key=key)

    def decide_approval(self, name: str, said: wire.DecideApproval) -> wire.ApprovalRecord:
        """Raises `Conflict` when somebody was faster or it is too late, `NotAllowed` for who may not."""
        return self._ask("POST", f"{PATH}/{quoted(name)}/decision", wire.ApprovalRecord, body=said)

    def withdraw_approval(self, name: str, reason: str = "") -> wire.ApprovalRecord:
        body = wire.Withdraw(reason=reason)
        return self._ask("POST", f"{PATH}/{quoted(name)}/withdraw", wire.ApprovalRecord, body=body)
