"""The claims agent under the older conventions: messages are log events with structured bodies."""

from __future__ import annotations

import json
from typing import Any

import openai
from opentelemetry import _events, trace
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk._events import EventLoggerProvider
from telemetry import Telemetry

MODEL = "gpt-4o-mini"
SYSTEM = "You are a claims clerk. Decide each claim by the policy; answer in at most 40 words."
LOOK_UP_CLAIM = {
    "type": "function",
    "function": {
        "name": "look_up_claim",
        "description": "Reads one claim with its history.",
        "parameters": {
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
    },
}
CLAIM = {
    "claim_id": "CLM-2041",
    "holder": {"name": "Zoë Müller", "since": 2017},
    "items": [{"what": "kitchen floor", "amount": 1250.0}, {"what": "curtains", "amount": None}],
    "open": True,
}

telemetry = Telemetry()
_events.set_event_logger_provider(EventLoggerProvider(telemetry.logs))
OpenAIInstrumentor().instrument()
client = openai.OpenAI(max_retries=0)
tracer = trace.get_tracer("claims-clerk", "1.4.2")


def decide(question: str) -> None:
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    with tracer.start_as_current_span("invoke_agent claims-clerk") as span:
        span.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "claims-clerk"})
        while True:
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[LOOK_UP_CLAIM])
            message = answer.choices[0].message
            messages.append(message.model_dump(exclude_none=True, exclude={"annotations"}))
            if not message.tool_calls:
                break
            for call in message.tool_calls:
                result = json.dumps(CLAIM, ensure_ascii=False)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


decide("Is CLM-2041 covered?\nThe holder wrote: „Wasser überall“ 💧")
stream = client.chat.completions.create(
    model=MODEL,
    messages=[{"role": "user", "content": [{"type": "text", "text": "Sum the day up."}]}],
    stream=True,
    stream_options={"include_usage": True},
)
for _ in stream:
    pass
try:
    client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Please cause a rate limit."}])
except openai.APIStatusError as error:
    print("refused:", error.status_code)

telemetry.shutdown()
