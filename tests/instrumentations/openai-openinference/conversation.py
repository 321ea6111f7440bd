"""The conversation of dialogue.py on the OpenAI client, under OpenInference's instrumentation and decorators."""

from __future__ import annotations

import json
from typing import Any

import openai
from dialogue import AGENT, CONVERSATION, DESCRIPTION, MODEL, PARAMETERS, QUESTIONS, RESULT, SYSTEM, TOOL, USER
from openinference.instrumentation import OITracer, TraceConfig, using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from telemetry import Telemetry

telemetry = Telemetry()
OpenAIInstrumentor().instrument()
client = openai.OpenAI(max_retries=0)
tracer = OITracer(trace.get_tracer("claims", "1.4.2"), config=TraceConfig())
tools: Any = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}}]
messages: list[Any] = [{"role": "system", "content": SYSTEM}]


@tracer.tool(name=TOOL, description=DESCRIPTION)
def assess_damage(
    room: str,
    photos: int,
    share: float,
    urgent: bool,
    assessor: str | None,
    holder: dict[str, Any],
    damaged: list[str],
) -> dict[str, Any]:
    return RESULT


@tracer.agent(name=AGENT)
def ask(question: str) -> str:
    messages.append({"role": "user", "content": question})
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
    while answer.tool_calls:
        messages.append(answer.model_dump(exclude_none=True, exclude={"annotations"}))
        for call in answer.tool_calls:
            result = json.dumps(assess_damage(**json.loads(call.function.arguments)), ensure_ascii=False)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
    messages.append({"role": "assistant", "content": answer.content})
    return answer.content or ""


with using_attributes(session_id=CONVERSATION, user_id=USER):
    for turn in QUESTIONS:
        ask(turn)

telemetry.shutdown()
