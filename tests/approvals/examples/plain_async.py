"""The same in an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from inventory.client.gate import AsyncGate


async def refund(gate: AsyncGate, pay: Callable[..., Awaitable[None]], case: str, amount: int) -> None:
    """As `plain.refund`."""
    arguments = {"case": case, "amount": amount}
    async with gate.call("billing.refund", arguments, policy=("refund-over-500", "2026-02")) as permit:
        await pay(**permit.arguments)
