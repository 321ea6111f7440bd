"""The conversation of dialogue.py as a LangChain agent under OpenInference's instrumentation."""

from __future__ import annotations

from typing import Any

from dialogue import AGENT, CONVERSATION, DESCRIPTION, MODEL, QUESTIONS, RESULT, SYSTEM, TOOL, USER
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor
from telemetry import Telemetry
from typing_extensions import TypedDict


class Holder(TypedDict):
    since: int
    name: str


@tool(TOOL, description=DESCRIPTION)
def assess_damage(
    room: str, photos: int, share: float, urgent: bool, assessor: str | None, holder: Holder, damaged: list[str]
) -> dict[str, Any]:
    return RESULT


telemetry = Telemetry()
LangChainInstrumentor().instrument()
model = ChatOpenAI(model=MODEL, max_retries=0, use_responses_api=False)
agent = create_agent(model, [assess_damage], system_prompt=SYSTEM, name=AGENT)
state: Any = {"messages": []}

with using_attributes(session_id=CONVERSATION, user_id=USER):
    for question in QUESTIONS:
        state = agent.invoke({"messages": [*state["messages"], {"role": "user", "content": question}]})

telemetry.shutdown()
