-- The model calls of these traces that say what was said, by start. Of a span that came twice one copy is enough.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    toInt64(Duration) AS duration_ns,
    toDate(Timestamp) AS day,
    ServiceName AS service,
    AgentName AS agent,
    Model AS model,
    Texts['gen_ai.input.messages'] AS input_pieces,
    Texts['gen_ai.output.messages'] AS output_pieces,
    InputMessages AS input_messages,
    OutputMessages AS output_messages
FROM otel_traces
WHERE Org = {org:String}
    AND TraceId IN {trace_ids:Array(String)}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    -- The table's key begins with this, and the engine doesn't conclude it.
    AND toStartOfFiveMinutes(Timestamp) >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({since:Int64}))
    AND toStartOfFiveMinutes(Timestamp) <= toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
    AND Operation NOT IN ('invoke_agent', 'invoke_workflow', 'create_agent')
    AND ConversationId IN ('', {conversation:String})
    AND (notEmpty(input_pieces) OR notEmpty(output_pieces) OR InputMessages != '' OR OutputMessages != '')
ORDER BY Timestamp, SpanId, ReceivedAt
LIMIT 1 BY TraceId, SpanId
LIMIT {limit:UInt32}
