"""The conversation of dialogue.py on the Anthropic client, under OpenLLMetry's instrumentation."""

from __future__ import annotations

import json
from typing import Any

import anthropic
from dialogue import AGENT, CONVERSATION, DESCRIPTION, PARAMETERS, QUESTIONS, RESULT, SYSTEM, TOOL, USER
from opentelemetry import trace
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from telemetry import Telemetry

MODEL = "claude-sonnet-4-5"

telemetry = Telemetry()
AnthropicInstrumentor().instrument()
client = anthropic.Anthropic(max_retries=0)
tracer = trace.get_tracer("claims", "1.4.2")
tools: Any = [{"name": TOOL, "description": DESCRIPTION, "input_schema": PARAMETERS}]
messages: list[Any] = []
agent = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": AGENT,
    "gen_ai.conversation.id": CONVERSATION,
    "user.id": USER,
}


def answer() -> Any:
    found = client.messages.create(model=MODEL, max_tokens=200, system=SYSTEM, messages=messages, tools=tools)
    messages.append({"role": "assistant", "content": [part.model_dump(exclude_none=True) for part in found.content]})
    return found


def call(part: Any) -> dict[str, Any]:
    result = json.dumps(RESULT, ensure_ascii=False)
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": part.name,
        "gen_ai.tool.call.id": part.id,
        "gen_ai.tool.call.arguments": json.dumps(part.input, ensure_ascii=False, indent=1),
        "gen_ai.tool.call.result": result,
    }
    with tracer.start_as_current_span(f"execute_tool {part.name}", attributes=attributes):
        return {"type": "tool_result", "tool_use_id": part.id, "content": result}


for question in QUESTIONS:
    messages.append({"role": "user", "content": question})
    with tracer.start_as_current_span(f"invoke_agent {AGENT}", attributes=agent):
        while (found := answer()).stop_reason == "tool_use":
            messages.append({"role": "user", "content": [call(p) for p in found.content if p.type == "tool_use"]})

telemetry.shutdown()
