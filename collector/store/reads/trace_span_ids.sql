-- Which spans of a trace are stored.
SELECT DISTINCT SpanId AS span_id FROM otel_traces WHERE {{in_trace}}
