-- The spans of a trace by start, every stored copy of them, with what makes a tree and no more.
SELECT
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    SpanName AS name,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    toInt64(Duration) AS duration_ns,
    StatusCode AS status,
    ServiceName AS service,
    Operation AS operation,
    AgentName AS named_agent,
    Model AS model,
    ToolName AS tool,
    InputTokens AS input_tokens,
    OutputTokens AS output_tokens,
    TextBytes AS text_bytes,
    toUnixTimestamp64Nano(ReceivedAt) AS received_ns,
    RequestId AS request_id
FROM otel_traces
WHERE Org = {org:String} AND TraceId = {trace_id:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    -- The table's key begins with this, and the engine doesn't conclude it.
    AND toStartOfFiveMinutes(Timestamp) >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({since:Int64}))
    AND toStartOfFiveMinutes(Timestamp) <= toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT {limit:UInt32}
