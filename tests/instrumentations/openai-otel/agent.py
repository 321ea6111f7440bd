"""A claims agent on the OpenAI client: a tool, several turns, a stream, embeddings, a refused call."""

from __future__ import annotations

import json
from typing import Any

import openai
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.util.genai.handler import get_telemetry_handler
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
handler = get_telemetry_handler()


def decide(question: str) -> None:
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    with handler.invoke_local_agent(agent_name="claims-clerk", request_model=MODEL) as agent:
        agent.conversation_id = "conv-77"
        agent.agent_description = "Decides small claims"
        while True:
            answer = client.chat.completions.create(
                model=MODEL, messages=messages, tools=[LOOK_UP_CLAIM], temperature=0.2, max_tokens=200, seed=7
            )
            message = answer.choices[0].message
            messages.append(message.model_dump(exclude_none=True, exclude={"annotations"}))
            if not message.tool_calls:
                break
            for call in message.tool_calls:
                with handler.tool(call.function.name, tool_type="function") as tool:
                    tool.tool_call_id = call.id
                    tool.arguments = json.loads(call.function.arguments)
                    tool.tool_result = CLAIM
                result = json.dumps(CLAIM, ensure_ascii=False)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        messages.append({"role": "user", "content": "And how much is the excess?"})
        client.chat.completions.create(model=MODEL, messages=messages, stop=["\n\n", "END"], top_p=0.9)


with handler.workflow("claims-intake"):
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
    for question in ("Please cause a rate limit.", "Please cause a server error."):
        try:
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
        except openai.APIStatusError as error:
            print("refused:", error.status_code)

telemetry.shutdown()
