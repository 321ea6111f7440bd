"""The conversation of dialogue.py as a Pydantic AI agent, self-instrumented."""

from __future__ import annotations

from typing import Any

from dialogue import AGENT, CONVERSATION, DESCRIPTION, MODEL, QUESTIONS, RESULT, SYSTEM, TOOL
from openai import AsyncOpenAI
from pydantic_ai import Agent, InstrumentationSettings, Tool
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from telemetry import Telemetry
from typing_extensions import TypedDict


class Holder(TypedDict):
    since: int
    name: str


def assess_damage(
    room: str, photos: int, share: float, urgent: bool, assessor: str | None, holder: Holder, damaged: list[str]
) -> dict[str, Any]:
    return RESULT


telemetry = Telemetry()
Agent.instrument_all(InstrumentationSettings(include_content=True))
model = OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0)))
agent = Agent(model, name=AGENT, system_prompt=SYSTEM, tools=[Tool(assess_damage, name=TOOL, description=DESCRIPTION)])
history: list[ModelMessage] = []

for question in QUESTIONS:
    run = agent.run_sync(question, message_history=history, conversation_id=CONVERSATION)
    history = run.all_messages()

telemetry.shutdown()
