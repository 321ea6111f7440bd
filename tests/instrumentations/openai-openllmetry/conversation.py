"""The conversation of dialogue.py under OpenLLMetry's instrumentation, inside spans such as traceloop-sdk makes."""

from __future__ import annotations

import json
from typing import Any

import openai
from dialogue import AGENT, CONVERSATION, DESCRIPTION, MODEL, PARAMETERS, QUESTIONS, RESULT, SYSTEM, TOOL, USER
from opentelemetry import trace
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from telemetry import Telemetry

telemetry = Telemetry()
OpenAIInstrumentor().instrument()
client = openai.OpenAI(max_retries=0)
tracer = trace.get_tracer("traceloop.tracer")
tools: Any = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}}]
messages: list[Any] = [{"role": "system", "content": SYSTEM}]


def entity(kind: str, name: str, given: str) -> Any:
    """What traceloop-sdk's decorators set."""
    attributes = {
        "traceloop.span.kind": kind,
        "traceloop.entity.name": name,
        "traceloop.entity.input": given,
        "traceloop.association.properties.session_id": CONVERSATION,
        "traceloop.association.properties.user_id": USER,
    }
    return tracer.start_as_current_span(f"{name}.{kind}", attributes=attributes)


def call(tool_call: Any) -> dict[str, Any]:
    result = json.dumps(RESULT, ensure_ascii=False)
    with entity("tool", tool_call.function.name, tool_call.function.arguments) as tool:
        tool.set_attribute("traceloop.entity.output", result)
    return {"role": "tool", "tool_call_id": tool_call.id, "content": result}


for question in QUESTIONS:
    messages.append({"role": "user", "content": question})
    with entity("agent", AGENT, json.dumps({"args": [question], "kwargs": {}})):
        answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        while answer.tool_calls:
            messages.append(answer.model_dump(exclude_none=True, exclude={"annotations"}))
            messages += map(call, answer.tool_calls)
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        messages.append({"role": "assistant", "content": answer.content})

telemetry.shutdown()
