CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT
    TraceId,
    toDateTime(min(Timestamp)) AS Start,
    toDateTime(max(Timestamp)) AS End,
    count() AS Spans,
    sum(TextBytes + byteSize(InputMessages, OutputMessages, SystemInstructions, ToolArguments, ToolResult, SpanAttributes, Events.Attributes)) AS Bytes
FROM otel_traces
GROUP BY TraceId
