"""The conversation of dialogue.py under the older conventions; they have agents, but no spans of tools."""

from __future__ import annotations

import json
from typing import Any

import openai
from dialogue import AGENT, CONVERSATION, DESCRIPTION, MODEL, PARAMETERS, QUESTIONS, RESULT, SYSTEM, TOOL, USER
from opentelemetry import _events, trace
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk._events import EventLoggerProvider
from telemetry import Telemetry

telemetry = Telemetry()
_events.set_event_logger_provider(EventLoggerProvider(telemetry.logs))
OpenAIInstrumentor().instrument()
client = openai.OpenAI(max_retries=0)
tracer = trace.get_tracer("claims", "1.4.2")
tools: Any = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}}]
messages: list[Any] = [{"role": "system", "content": SYSTEM}]
agent = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": AGENT,
    "gen_ai.conversation.id": CONVERSATION,
    "user.id": USER,
}

for question in QUESTIONS:
    messages.append({"role": "user", "content": question})
    with tracer.start_as_current_span(f"invoke_agent {AGENT}", attributes=agent):
        answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        while answer.tool_calls:
            messages.append(answer.model_dump(exclude_none=True, exclude={"annotations"}))
            result = json.dumps(RESULT, ensure_ascii=False)
            messages += [{"role": "tool", "tool_call_id": call.id, "content": result} for call in answer.tool_calls]
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        messages.append({"role": "assistant", "content": answer.content})

telemetry.shutdown()
