-- Where a trace lies and how much of it there is. `text_bytes` are those of its texts; no row for an unknown trace.
SELECT
    toUnixTimestamp64Nano(min(Timestamp)) AS start_ns,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS end_ns,
    count() AS spans,
    sum(TextBytes + byteSize(InputMessages, OutputMessages, SystemInstructions, ToolArguments, ToolResult, SpanAttributes, Events.Attributes)) AS text_bytes
FROM otel_traces
WHERE Org = {org:String} AND TraceId = {trace_id:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    -- The table's key begins with this, and the engine doesn't conclude it.
    AND toStartOfFiveMinutes(Timestamp) >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({since:Int64}))
    AND toStartOfFiveMinutes(Timestamp) <= toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
HAVING spans > 0
