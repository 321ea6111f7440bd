"""SQL that puts flattened messages together again, as OpenTelemetry's JSON of roles and parts.

OpenInference, and OpenLLMetry before OpenTelemetry had messages, write one attribute for every piece of a conversation:

    llm.input_messages.<n>.message.role, .content, .contents.<m>.message_content.text,
        .tool_calls.<m>.tool_call.id, .tool_calls.<m>.tool_call.function.name, .function.arguments, .tool_call_id
    gen_ai.prompt.<n>.role, .content, .finish_reason, .tool_call_id, .tool_calls.<m>.id, .name, .arguments

Arguments that are JSON stay JSON, as in `gen_ai.input.messages`; anything else becomes a JSON string.
"""

from __future__ import annotations

_CALL = "^tool_calls[.][0-9]+[.]"
_FUNCTION = "(tool_call[.]function[.])?"


def joined(keys: str, texts: str, prefix: str) -> str:
    """SQL for the JSON text of the messages under `prefix` ("llm.input_messages."); empty where there are none.

    The pieces are sorted by message, then by where they stood, and cut where the message changes, so that a long
    conversation is read once and not once for each of its messages.
    """
    rest = f"substring(k, {len(prefix) + 1})"
    name = f"replaceRegexpOne({rest}, '^[0-9]+[.](message[.])?', '')"
    piece = f"(toUInt32OrZero(splitByChar('.', {rest})[1]), i, {name}, t)"
    # A number follows, or the name is another's: gen_ai.prompt.version.
    numbered = f"match(k, '^{prefix.replace('.', '[.]')}[0-9]+[.]')"
    mine = f"{numbered} AND t != ''"
    pieces = (
        f"arraySort(arrayMap((k, t, i) -> {piece}, arrayFilter((k, t) -> {mine}, {keys}, {texts}), "
        f"arrayFilter((t, k) -> {mine}, {texts}, {keys}), "
        f"arrayFilter((i, k, t) -> {mine}, arrayEnumerate({keys}), {keys}, {texts})))"
    )
    changed = "arrayMap((n, before) -> n != before, p.1, arrayPopBack(arrayPushFront(p.1, 0)))"
    cut = f"arraySplit((piece, new) -> new, p, {changed})"
    messages = f"arrayMap(p -> arrayStringConcat(arrayMap(m -> {_message('m.3', 'm.4')}, {cut}), ','), [{pieces}])[1]"
    return f"if(arrayExists(k -> {numbered}, {keys}), concat('[', {messages}, ']'), '')"


def _message(names: str, texts: str) -> str:
    parts = f"arrayFilter(part -> part != '', arrayMap((name, text) -> {_part(names, texts)}, {names}, {texts}))"
    finish = _of(names, texts, "'finish_reason'")
    return (
        f"""concat('{{"role":', toJSONString({_of(names, texts, "'role'")}), ',"parts":[', """
        f"""arrayStringConcat({parts}, ','), ']', """
        f"""if({finish} = '', '', concat(',"finish_reason":', toJSONString({finish}))), '}}')"""
    )


def _part(names: str, texts: str) -> str:
    answers = _of(names, texts, "'tool_call_id'")
    identifier = _of(names, texts, f"concat(regexpExtract(name, '({_CALL}(tool_call[.])?)', 1), 'id')")
    arguments = _of(names, texts, "concat(substring(name, 1, length(name) - 4), 'arguments')")
    text = """concat('{"type":"text","content":', toJSONString(text), '}')"""
    return (
        f"multiIf(name = 'content' AND {answers} != '', "
        f"""concat('{{"type":"tool_call_response","id":', toJSONString({answers}), """
        """',"response":', toJSONString(text), '}'), """
        f"name = 'content' OR match(name, '^contents[.][0-9]+[.]message_content[.]text$'), {text}, "
        f"match(name, '{_CALL}{_FUNCTION}name$'), "
        f"""concat('{{"type":"tool_call","id":', toJSONString({identifier}), ',"name":', toJSONString(text), """
        f"""',"arguments":', if(isValidJSON({arguments}), {arguments}, toJSONString({arguments})), '}}'), '')"""
    )


def _of(names: str, texts: str, name: str) -> str:
    return f"{texts}[indexOf({names}, {name})]"
