"""The claims agent under OpenInference's instrumentation, with agent and tool spans and a session."""

from __future__ import annotations

import json
from typing import Any

import openai
from openinference.instrumentation import OITracer, TraceConfig, using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
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
OpenAIInstrumentor().instrument()
client = openai.OpenAI(max_retries=0)
tracer = OITracer(trace.get_tracer("claims-clerk", "1.4.2"), config=TraceConfig())


@tracer.tool(name="look_up_claim", description="Reads one claim with its history.")
def look_up_claim(claim_id: str, include: dict[str, Any] | None = None) -> dict[str, Any]:
    return CLAIM


@tracer.agent(name="claims-clerk")
def decide(question: str) -> str:
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    while True:
        answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[LOOK_UP_CLAIM], temperature=0.2)
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True, exclude={"annotations"}))
        if not message.tool_calls:
            return message.content or ""
        for call in message.tool_calls:
            result = json.dumps(look_up_claim(**json.loads(call.function.arguments)), ensure_ascii=False)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


with using_attributes(
    session_id="conv-77",
    user_id="u-17",
    metadata={"branch": "Zürich", "nested": {"levels": [1, [2.5, None]], "ok": True}},
    tags=["claims", "water damage"],
    prompt_template="Is {claim} covered?",
    prompt_template_version="v3",
    prompt_template_variables={"claim": "CLM-2041"},
):
    client.embeddings.create(model="text-embedding-3-small", input=["burst pipe", "fire"], dimensions=8)
    decide("Is CLM-2041 covered?\nThe holder wrote: „Wasser überall“ 💧")
    telemetry.flush()
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": [{"type": "text", "text": "Sum the day up."}]}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for _ in stream:
        pass
    client.responses.create(
        model="gpt-4.1",
        instructions=SYSTEM,
        input="Look CLM-2041 up.",
        tools=[{"type": "function", **LOOK_UP_CLAIM["function"], "strict": False}],
    )
    for question in ("Please cause a rate limit.", "Please cause a server error."):
        try:
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
        except openai.APIStatusError as error:
            print("refused:", error.status_code)

telemetry.shutdown()
