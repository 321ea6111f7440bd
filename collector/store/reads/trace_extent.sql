-- Where a trace lies and how much of it there is. `text_bytes` are those of its texts; no row for an unknown trace.
SELECT
    toUnixTimestamp64Nano(min(Timestamp)) AS start_ns,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS end_ns,
    count() AS spans,
    sum(TextBytes + byteSize(InputMessages, OutputMessages, SystemInstructions, ToolArguments, ToolResult, SpanAttributes, Events.Attributes)) AS text_bytes
FROM otel_traces
WHERE {{in_trace}}
HAVING spans > 0
