-- Where a trace lies and how much of it there is. `bytes` are those of its texts; no row for an unknown trace.
SELECT
    toUnixTimestamp64Nano(min(Timestamp)) AS start_ns,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS end_ns,
    count() AS spans,
    sum(
        length(InputMessages) + length(OutputMessages) + length(SystemInstructions) + length(ToolArguments)
        + length(ToolResult) + arraySum(mapValues(mapApply((k, v) -> (k, length(v)), SpanAttributes)))
        + arraySum(arrayMap(m -> arraySum(arrayMap(v -> length(v), mapValues(m))), Events.Attributes))
    ) AS bytes
FROM otel_traces
WHERE Org = {org:String} AND TraceId = {trace_id:String}
    AND Timestamp >= (SELECT toDateTime64(min(Start), 9) FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String})
    AND Timestamp < (SELECT toDateTime64(max(End) + 1, 9) FROM otel_traces_trace_id_ts WHERE TraceId = {trace_id:String})
HAVING spans > 0
