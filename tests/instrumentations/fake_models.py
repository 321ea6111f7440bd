"""A model endpoint on loopback that speaks enough OpenAI and Anthropic for a client to run against.

    python fake_models.py            prints {"port": N}, serves until SIGTERM

    POST /v1/chat/completions   OpenAI chat: tools, JSON schema output, streaming, cached tokens
    POST /v1/responses          OpenAI responses: tools, streaming
    POST /v1/embeddings         OpenAI embeddings, as floats or base64
    POST /v1/messages           Anthropic messages: tool_use, cache tokens, streaming

What the last user message says steers the answer: "rate limit" → 429, "server error" → 500. A request that
brings tools is answered with calls of them until it brings a tool's result; a question of dialogue.py with its call.
"""

from __future__ import annotations

import base64
import json
import signal
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dialogue import ANSWER, CALLS

Json = dict[str, Any]

CREATED = 1_760_000_000  # a fixed time, so that re-recording changes as little as possible

# Values for the arguments of tools, by the name of the parameter.
SAMPLES: Json = {
    "claim_id": "CLM-2041",
    "city": "Zürich",
    "reason": 'Burst pipe, "kitchen"; photos 1–3',
    "amount": 950.25,
    "currency": "EUR",
    "limit": 3,
    "urgent": True,
    "decision": "pay",
}


def sample(schema: Json, name: str = "", definitions: Json | None = None) -> Any:
    """A value that fits the schema."""
    definitions = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rsplit("/", 1)[1]], name, definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], name, definitions)
    if name in SAMPLES:
        return SAMPLES[name]
    match schema.get("type"):
        case "object":
            return {k: sample(v, k, definitions) for k, v in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema.get("items", {}), name, definitions)] * 2
        case "integer":
            return 7
        case "number":
            return 0.5
        case "boolean":
            return False
        case "null":
            return None
    return f"a {name or 'text'}"


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return str(content or "")


class RefusalError(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


def refuse_if_asked(text: str) -> None:
    if "rate limit" in text:
        raise RefusalError(429, "rate_limit_error", "Rate limit reached for requests per minute. Limit: 3.")
    if "server error" in text:
        raise RefusalError(500, "api_error", "The server had an error while processing your request.")


def last_user_text(messages: list[Json]) -> str:
    return next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")


# -- OpenAI chat completions


def chat(request: Json) -> Json:
    messages = request["messages"]
    refuse_if_asked(last_user_text(messages))
    message: Json = {"role": "assistant", "content": ANSWER, "refusal": None, "annotations": []}
    finish = "stop"
    tools = [t["function"] for t in request.get("tools", []) if t.get("type") == "function"]
    form = request.get("response_format") or {}
    if tools and request.get("tool_choice") != "none" and messages[-1]["role"] != "tool":
        message["content"] = None
        question = last_user_text(messages)
        message["tool_calls"] = []
        for tool in tools[:2]:
            sampled = json.dumps(sample(tool["parameters"]), ensure_ascii=False)
            call, arguments = CALLS.get(question, (f"call_{tool['name']}_{len(messages)}", sampled))
            function = {"name": tool["name"], "arguments": arguments}
            message["tool_calls"].append({"id": call, "type": "function", "function": function})
        finish = "tool_calls"
    elif form.get("type") == "json_schema":
        message["content"] = json.dumps(sample(form["json_schema"]["schema"]), ensure_ascii=False)
    choices = [
        {"index": i, "message": message, "logprobs": None, "finish_reason": finish}
        for i in range(request.get("n") or 1)
    ]
    return {
        "id": f"chatcmpl-claims{len(messages):04}",
        "object": "chat.completion",
        "created": CREATED,
        "model": request["model"] + "-2024-07-18",
        "choices": choices,
        "usage": {
            "prompt_tokens": 1420 + 10 * len(messages),
            "completion_tokens": 85,
            "total_tokens": 1505 + 10 * len(messages),
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 32,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }


def chat_stream(request: Json) -> Iterator[tuple[str | None, Json | str]]:
    whole = chat(request)
    head = {k: whole[k] for k in ("id", "created", "model", "service_tier", "system_fingerprint")}
    head["object"] = "chat.completion.chunk"

    def chunk(delta: Json, finish: str | None = None) -> tuple[None, Json]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return None, {**head, "choices": [choice], "usage": None}

    message = whole["choices"][0]["message"]
    yield chunk({"role": "assistant", "content": "" if message["content"] else None})
    for i, call in enumerate(message.get("tool_calls", [])):
        function = call["function"]
        first = {**call, "index": i, "function": {"name": function["name"], "arguments": ""}}
        yield chunk({"tool_calls": [first]})
        for piece in pieces(function["arguments"]):
            yield chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})
    for piece in pieces(message["content"] or ""):
        yield chunk({"content": piece})
    yield chunk({}, whole["choices"][0]["finish_reason"])
    if (request.get("stream_options") or {}).get("include_usage"):
        yield None, {**head, "choices": [], "usage": whole["usage"]}
    yield None, "[DONE]"


def pieces(text: str, size: int = 24) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


# -- OpenAI responses


def responses(request: Json) -> Json:
    given = request["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    refuse_if_asked(last_user_text(items))
    tools = [t for t in request.get("tools", []) if t.get("type") == "function"]
    form = (request.get("text") or {}).get("format") or {}
    output: list[Json]
    if tools and items[-1].get("type") != "function_call_output":
        output = [
            {
                "type": "function_call",
                "id": f"fc_{tool['name']}_{len(items)}",
                "call_id": f"call_{tool['name']}_{len(items)}",
                "name": tool["name"],
                "arguments": json.dumps(sample(tool["parameters"]), ensure_ascii=False),
                "status": "completed",
            }
            for tool in tools[:2]
        ]
    else:
        text = ANSWER
        if form.get("type") == "json_schema":
            text = json.dumps(sample(form["schema"]), ensure_ascii=False)
        part = {"type": "output_text", "text": text, "annotations": []}
        output = [
            {"type": "reasoning", "id": f"rs_{len(items)}", "summary": []},
            {
                "type": "message",
                "id": f"msg_{len(items)}",
                "status": "completed",
                "role": "assistant",
                "content": [part],
            },
        ]
    return {
        "id": f"resp_claims{len(items):04}",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "metadata": request.get("metadata") or {},
        "model": request["model"] + "-2025-04-14",
        "output": output,
        "parallel_tool_calls": True,
        "temperature": request.get("temperature", 1.0),
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools", []),
        "top_p": 1.0,
        "max_output_tokens": None,
        "previous_response_id": request.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "text": {"format": form or {"type": "text"}},
        "truncation": "disabled",
        "usage": {
            "input_tokens": 1420,
            "input_tokens_details": {"cached_tokens": 1024},
            "output_tokens": 85,
            "output_tokens_details": {"reasoning_tokens": 32},
            "total_tokens": 1505,
        },
        "user": None,
    }


def responses_stream(request: Json) -> Iterator[tuple[str | None, Json | str]]:
    whole = responses(request)
    number = iter(range(10_000))

    def event(kind: str, **rest: Any) -> tuple[str, Json]:
        return kind, {"type": kind, "sequence_number": next(number), **rest}

    started = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=started)
    for i, item in enumerate(whole["output"]):
        yield event("response.output_item.added", output_index=i, item=item)
        for part in item.get("content", []):
            where = {"item_id": item["id"], "output_index": i, "content_index": 0}
            yield event("response.content_part.added", **where, part={**part, "text": ""})
            for piece in pieces(part["text"]):
                yield event("response.output_text.delta", **where, delta=piece, logprobs=[])
            yield event("response.output_text.done", **where, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **where, part=part)
        yield event("response.output_item.done", output_index=i, item=item)
    yield event("response.completed", response=whole)


# -- OpenAI embeddings


def embeddings(request: Json) -> Json:
    given = request["input"]
    texts = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    data = []
    for i, text in enumerate(texts):
        vector = [((len(str(text)) + k) % 7 - 3) / 8 for k in range(8)]
        packed = base64.b64encode(struct.pack("<8f", *vector)).decode()
        as_base64 = request.get("encoding_format") == "base64"
        data.append({"object": "embedding", "index": i, "embedding": packed if as_base64 else vector})
    usage = {"prompt_tokens": 9 * len(texts), "total_tokens": 9 * len(texts)}
    return {"object": "list", "data": data, "model": request["model"], "usage": usage}


# -- Anthropic messages


def messages(request: Json) -> Json:
    turns = request["messages"]
    refuse_if_asked(last_user_text(turns))
    last = turns[-1]["content"]
    has_result = isinstance(last, list) and any(part.get("type") == "tool_result" for part in last)
    content: list[Json] = [{"type": "text", "text": ANSWER}]
    stop = "end_turn"
    if request.get("tools") and not has_result:
        question = last_user_text(turns)
        content = [] if question in CALLS else [{"type": "text", "text": "I will look the claim up first."}]
        for tool in request["tools"][:2]:
            call, arguments = CALLS.get(question, (f"toolu_{tool['name']}_{len(turns)}", ""))
            given = json.loads(arguments) if arguments else sample(tool["input_schema"])
            content.append({"type": "tool_use", "id": call, "name": tool["name"], "input": given})
        stop = "tool_use"
    return {
        "id": f"msg_claims{len(turns):04}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 96,
            "cache_creation_input_tokens": 256,
            "cache_read_input_tokens": 2048,
            "cache_creation": {"ephemeral_5m_input_tokens": 256, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 85,
            "service_tier": "standard",
        },
    }


def messages_stream(request: Json) -> Iterator[tuple[str | None, Json | str]]:
    whole = messages(request)

    def event(kind: str, **rest: Any) -> tuple[str, Json]:
        return kind, {"type": kind, **rest}

    started = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield event("message_start", message=started)
    for i, block in enumerate(whole["content"]):
        if block["type"] == "tool_use":
            yield event("content_block_start", index=i, content_block={**block, "input": {}})
            for piece in pieces(json.dumps(block["input"], ensure_ascii=False)):
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield event("content_block_delta", index=i, delta=delta)
        else:
            yield event("content_block_start", index=i, content_block={**block, "text": ""})
            for piece in pieces(block["text"]):
                yield event("content_block_delta", index=i, delta={"type": "text_delta", "text": piece})
        yield event("content_block_stop", index=i)
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=stop, usage={"output_tokens": whole["usage"]["output_tokens"]})
    yield event("message_stop")


WHOLE = {
    "/v1/chat/completions": chat,
    "/v1/responses": responses,
    "/v1/embeddings": embeddings,
    "/v1/messages": messages,
}
STREAMED = {
    "/v1/chat/completions": chat_stream,
    "/v1/responses": responses_stream,
    "/v1/messages": messages_stream,
}


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        try:
            if path not in WHOLE:
                raise RefusalError(404, "not_found_error", f"No such path: {path}")
            if body.get("stream"):
                self.answer_stream(list(STREAMED[path](body)))
            else:
                self.answer(200, WHOLE[path](body))
        except RefusalError as refusal:
            error = {"type": refusal.kind, "message": refusal.message, "code": refusal.kind, "param": None}
            self.answer(refusal.status, {"type": "error", "error": error})

    def answer(self, status: int, document: Json) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-request-id", "req_0123456789")
        self.end_headers()
        self.wfile.write(data)

    def answer_stream(self, events: list[tuple[str | None, Json | str]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for name, data in events:
            text = data if isinstance(data, str) else json.dumps(data)
            self.wfile.write(f"event: {name}\n".encode() if name else b"")
            self.wfile.write(f"data: {text}\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        pass


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    # shutdown() waits for serve_forever, so it must not run on the thread that serves.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
