"""The conversation of dialogue.py on the OpenAI client, under OpenTelemetry's latest conventions."""

from __future__ import annotations

import json
from typing import Any

import openai
from dialogue import AGENT, CONVERSATION, DESCRIPTION, MODEL, PARAMETERS, QUESTIONS, RESULT, SYSTEM, TOOL, USER
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.util.genai.handler import get_telemetry_handler
from telemetry import Telemetry

telemetry = Telemetry()
OpenAIInstrumentor().instrument()
client = openai.OpenAI(max_retries=0)
handler = get_telemetry_handler()
tools: Any = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}}]
messages: list[Any] = [{"role": "system", "content": SYSTEM}]


def call(tool_call: Any) -> dict[str, Any]:
    with handler.tool(tool_call.function.name, tool_type="function") as tool:
        tool.tool_call_id = tool_call.id
        tool.arguments = json.loads(tool_call.function.arguments)
        tool.tool_result = RESULT
    return {"role": "tool", "tool_call_id": tool_call.id, "content": json.dumps(RESULT, ensure_ascii=False)}


for question in QUESTIONS:
    messages.append({"role": "user", "content": question})
    with handler.invoke_local_agent(agent_name=AGENT, request_model=MODEL) as agent:
        agent.conversation_id = CONVERSATION
        agent.attributes["user.id"] = USER
        answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        while answer.tool_calls:
            messages.append(answer.model_dump(exclude_none=True, exclude={"annotations"}))
            messages += map(call, answer.tool_calls)
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
        messages.append({"role": "assistant", "content": answer.content})

telemetry.shutdown()
