-- A trace's tree under every seal, and how many rows ever came in for the trace (0: not known).
WITH (
        SELECT (min(Start), max(End), sum(Spans))
        FROM otel_traces_trace_id_ts
        WHERE TraceId = {trace_id:String}
    ) AS extent
SELECT
    extent.3 AS came,
    {{tree_columns}},
    {{fact_columns}}
FROM span_facts
WHERE Org = {org:String} AND TraceId = {trace_id:String}
    AND Timestamp >= extent.1 AND Timestamp < extent.2 + INTERVAL 1 SECOND
