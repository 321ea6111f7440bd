"""A LangGraph graph with a node that asks before it acts; who says no is answered by another node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph

from inventory.client.gate import Gate, NotApproved


class Case(TypedDict, total=False):
    case: str
    amount: int
    outcome: str


def graph(gate: Gate, pay: Callable[..., None]) -> Any:
    """draft → refund → END, or hand_over where nobody let it happen."""

    def draft(state: Case) -> Case:
        return {"case": state["case"], "amount": state["amount"]}

    def refund(state: Case) -> Case:
        try:
            with gate.call("billing.refund", {"case": state["case"], "amount": state["amount"]}) as permit:
                pay(**permit.arguments)
        except NotApproved as refusal:
            return {"outcome": str(refusal)}
        return {"outcome": "refunded"}

    def hand_over(state: Case) -> Case:
        return {"outcome": f"handed over: {state['outcome']}"}

    def then(state: Case) -> Literal["hand_over", "__end__"]:
        return "__end__" if state["outcome"] == "refunded" else "hand_over"

    built = StateGraph(Case)
    built.add_node("draft", draft)
    built.add_node("refund", refund)
    built.add_node("hand_over", hand_over)
    built.add_edge(START, "draft")
    built.add_edge("draft", "refund")
    built.add_conditional_edges("refund", then)
    built.add_edge("hand_over", END)
    return built.compile()
