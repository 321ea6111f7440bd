-- The same with texts cut at {text:UInt64} characters, so that a long conversation can't fill the memory of who asks.
WITH mapApply((k, v) -> (k, leftUTF8(v, {text:UInt64})), SpanAttributes) AS cut_attributes,
    arrayMap(m -> mapApply((k, v) -> (k, leftUTF8(v, {text:UInt64})), m), Events.Attributes) AS cut_event_attributes
SELECT
    {{span_columns}},
    leftUTF8(SystemInstructions, {text:UInt64}) AS system_instructions,
    leftUTF8(InputMessages, {text:UInt64}) AS input_messages,
    leftUTF8(OutputMessages, {text:UInt64}) AS output_messages,
    leftUTF8(ToolArguments, {text:UInt64}) AS tool_arguments,
    leftUTF8(ToolResult, {text:UInt64}) AS tool_result,
    cut_attributes AS attributes,
    cut_event_attributes AS event_attributes,
    CAST(cut_attributes != SpanAttributes OR cut_event_attributes != Events.Attributes
        OR greatest(
            lengthUTF8(SystemInstructions), lengthUTF8(InputMessages), lengthUTF8(OutputMessages),
            lengthUTF8(ToolArguments), lengthUTF8(ToolResult)
        ) > {text:UInt64}, 'Bool') AS shortened
FROM otel_traces
WHERE {{in_trace}}
    AND ({span_id:String} = '' OR SpanId = {span_id:String})
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT {limit:UInt32}
