"""An agent in plain code: five lines between wanting to pay and paying."""

from __future__ import annotations

from collections.abc import Callable

from inventory.client.gate import Gate


def refund(gate: Gate, pay: Callable[..., None], case: str, amount: int) -> None:
    """Pays what a supervisor let be paid: more than 500 isn't the agent's to decide. Raises NotApproved."""
    arguments = {"case": case, "amount": amount}
    if amount <= 500:
        pay(**arguments)
        return
    with gate.call("billing.refund", arguments, policy=("refund-over-500", "2026-02"), why="more than 500") as permit:
        pay(**permit.arguments)
