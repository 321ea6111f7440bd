"""A tool-using LangChain agent (a LangGraph graph underneath) under OpenInference's instrumentation."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openinference.instrumentation import using_session
from openinference.instrumentation.langchain import LangChainInstrumentor
from pydantic import BaseModel
from telemetry import Telemetry


class Include(BaseModel):
    history: bool = True
    fields: list[str] = []
    limit: int = 3


@tool
def look_up_claim(claim_id: str, include: Include) -> dict[str, Any]:
    """Reads one claim with its history."""
    return {
        "claim_id": claim_id,
        "holder": {"name": "Zoë Müller", "since": 2017},
        "items": [{"what": "kitchen floor", "amount": 1250.0}, {"what": "curtains", "amount": None}],
        "open": True,
    }


@tool
def pay(claim_id: str, amount: float, currency: str) -> str:
    """Pays a claim."""
    raise ValueError(f"{claim_id}: {amount} {currency} is over the limit")


telemetry = Telemetry()
LangChainInstrumentor().instrument()
model = ChatOpenAI(model="gpt-4o-mini", temperature=0.2, max_retries=0, use_responses_api=False)
clerk = create_agent(
    model, [look_up_claim], system_prompt="You are a claims clerk. Decide by the policy.", name="claims-clerk"
)
cashier = create_agent(model, [pay], name="cashier")

with using_session("conv-77"):
    turn = {"role": "user", "content": "Is CLM-2041 covered?\nThe holder wrote: „Wasser überall“ 💧"}
    state = clerk.invoke({"messages": [turn]})
    telemetry.flush()
    for refused, agent in (("Pay it.", cashier), ("Please cause a rate limit.", clerk)):
        try:
            agent.invoke({"messages": [*state["messages"], {"role": "user", "content": refused}]})
        except Exception as error:
            print("refused:", type(error).__name__)

telemetry.shutdown()
