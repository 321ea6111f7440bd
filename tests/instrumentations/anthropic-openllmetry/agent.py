"""The claims agent on the Anthropic client: caching, tool use, turns, a stream, refused calls."""

from __future__ import annotations

import json
from typing import Any

import anthropic
from opentelemetry import trace
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from telemetry import Telemetry

MODEL = "claude-sonnet-4-5"
SYSTEM: list[Any] = [
    {
        "type": "text",
        "text": "You are a claims clerk. Decide each claim by the policy; answer in at most 40 words.",
        "cache_control": {"type": "ephemeral"},
    }
]
LOOK_UP_CLAIM: Any = {
    "name": "look_up_claim",
    "description": "Reads one claim with its history.",
    "input_schema": {
        "type": "object",
        "properties": {
            "claim_id": {"type": "string"},
            "include": {
                "type": "object",
                "properties": {
                    "history": {"type": "boolean"},
                    "fields": {"type": "array", "items": {"type": "string"}},
                    "limit": {"type": "integer"},
                },
            },
        },
        "required": ["claim_id"],
    },
}
CLAIM = {
    "claim_id": "CLM-2041",
    "holder": {"name": "Zoë Müller", "since": 2017},
    "items": [{"what": "kitchen floor", "amount": 1250.0}, {"what": "curtains", "amount": None}],
    "open": True,
}

telemetry = Telemetry()
AnthropicInstrumentor().instrument()
client = anthropic.Anthropic(max_retries=0)
tracer = trace.get_tracer("claims-clerk", "1.4.2")


def decide(question: str) -> None:
    messages: list[Any] = [{"role": "user", "content": question}]
    with tracer.start_as_current_span("invoke_agent claims-clerk") as span:
        span.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "claims-clerk"})
        while True:
            answer = client.messages.create(
                model=MODEL, max_tokens=200, system=SYSTEM, messages=messages, tools=[LOOK_UP_CLAIM]
            )
            messages.append({"role": "assistant", "content": [part.model_dump() for part in answer.content]})
            if answer.stop_reason != "tool_use":
                break
            results = []
            for part in answer.content:
                if part.type != "tool_use":
                    continue
                with tracer.start_as_current_span(f"execute_tool {part.name}") as tool:
                    result = json.dumps(CLAIM, ensure_ascii=False)
                    tool.set_attributes(
                        {
                            "gen_ai.operation.name": "execute_tool",
                            "gen_ai.tool.name": part.name,
                            "gen_ai.tool.call.id": part.id,
                            "gen_ai.tool.call.arguments": json.dumps(part.input, ensure_ascii=False),
                            "gen_ai.tool.call.result": result,
                        }
                    )
                results.append({"type": "tool_result", "tool_use_id": part.id, "content": result})
            messages.append({"role": "user", "content": results})


decide("Is CLM-2041 covered?\nThe holder wrote: „Wasser überall“ 💧")
telemetry.flush()
streamed = client.messages.create(
    model=MODEL,
    max_tokens=200,
    messages=[{"role": "user", "content": "Sum the day up."}],
    stream=True,
)
for _ in streamed:
    pass
for refused in ("Please cause a rate limit.", "Please cause a server error."):
    try:
        client.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": refused}])
    except anthropic.APIStatusError as error:
        print("refused:", error.status_code)

telemetry.shutdown()
