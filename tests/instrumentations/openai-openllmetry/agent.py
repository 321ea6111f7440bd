"""The claims agent under OpenLLMetry's instrumentation, inside a workflow and an agent span of its kind."""

from __future__ import annotations

import json
from typing import Any

import openai
from opentelemetry import trace
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
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
tracer = trace.get_tracer("traceloop.tracer")


def entity(kind: str, name: str) -> Any:
    """What traceloop-sdk's decorators set; the package itself pins older OpenTelemetry packages."""
    span = tracer.start_as_current_span(f"{name}.{kind}")
    return span, {
        "traceloop.span.kind": kind,
        "traceloop.entity.name": name,
        "traceloop.entity.path": "" if kind == "workflow" else f"claims_intake.{name}",
        "traceloop.workflow.name": "claims_intake",
        "traceloop.association.properties.session_id": "conv-77",
    }


def decide(question: str) -> None:
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    started, attributes = entity("agent", "claims_clerk")
    with started as span:
        span.set_attributes(attributes)
        span.set_attribute("traceloop.entity.input", json.dumps({"args": [question], "kwargs": {}}))
        while True:
            answer = client.chat.completions.create(
                model=MODEL, messages=messages, tools=[LOOK_UP_CLAIM], temperature=0.2, user="u-17"
            )
            message = answer.choices[0].message
            messages.append(message.model_dump(exclude_none=True, exclude={"annotations"}))
            if not message.tool_calls:
                break
            for call in message.tool_calls:
                result = json.dumps(CLAIM, ensure_ascii=False)
                started_tool, tool_attributes = entity("tool", call.function.name)
                with started_tool as tool:
                    tool.set_attributes(tool_attributes)
                    tool.set_attribute("traceloop.entity.input", call.function.arguments)
                    tool.set_attribute("traceloop.entity.output", result)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        span.set_attribute("traceloop.entity.output", json.dumps(message.content))


workflow, workflow_attributes = entity("workflow", "claims_intake")
with workflow as root:
    root.set_attributes(workflow_attributes)
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
