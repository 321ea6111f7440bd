-- The spans of a trace by start, every stored copy of them; one span if {span_id} isn't empty.
-- What is content stands in `pieces`, not in its column or attribute.
SELECT
    {{span_columns}},
    SystemInstructions AS system_instructions,
    InputMessages AS input_messages,
    OutputMessages AS output_messages,
    ToolArguments AS tool_arguments,
    ToolResult AS tool_result,
    SpanAttributes AS attributes,
    Events.Attributes AS event_attributes,
    CAST(0, 'Bool') AS shortened
FROM otel_traces
WHERE {{in_trace}}
    AND ({span_id:String} = '' OR SpanId = {span_id:String})
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT {limit:UInt32}
