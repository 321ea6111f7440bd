"""A Pydantic AI agent, self-instrumented: a typed result, nested tool arguments, an agent in a tool."""

from __future__ import annotations

from typing import Any, Literal

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, InstrumentationSettings, ModelRetry, RunContext
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from telemetry import Telemetry


class Include(BaseModel):
    history: bool = True
    fields: list[str] = []
    limit: int = 3


class Decision(BaseModel):
    claim_id: str
    decision: Literal["pay", "refuse"]
    amount: float
    reason: str


telemetry = Telemetry()
settings = InstrumentationSettings(include_content=True, include_binary_content=True)
Agent.instrument_all(settings)
provider = OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0))
model = OpenAIChatModel("gpt-4o-mini", provider=provider)
assessor = Agent(OpenAIResponsesModel("gpt-4.1", provider=provider), name="assessor")
clerk = Agent(
    model,
    name="claims-clerk",
    instructions="You are a claims clerk. Decide each claim by the policy.",
    output_type=[Decision],
)
chat = Agent(model, name="claims-chat", system_prompt="You are a claims clerk.")
tried: set[str] = set()


@chat.tool
async def look_up_claim(ctx: RunContext[None], claim_id: str, include: Include) -> dict[str, Any]:
    """Reads one claim with its history."""
    if claim_id not in tried:
        tried.add(claim_id)
        raise ModelRetry("The archive is slow today, ask again.")
    opinion = await assessor.run(f"Assess {claim_id}: „Wasser überall“ 💧")
    return {
        "claim_id": claim_id,
        "holder": {"name": "Zoë Müller", "since": 2017},
        "items": [{"what": "kitchen floor", "amount": 1250.0}, {"what": "curtains", "amount": None}],
        "opinion": opinion.output,
    }


first = chat.run_sync("Is CLM-2041 covered?")
chat.run_sync("And how much is the excess?", message_history=first.all_messages())
telemetry.flush()
clerk.run_sync("Decide CLM-2041.")
for refused in ("Please cause a rate limit.", "Please cause a server error."):
    try:
        assessor.run_sync(refused)
    except Exception as error:
        print("refused:", type(error).__name__)

telemetry.shutdown()
