-- Between which seconds the traces lie, the last one excluded, how many rows came in for them and how many bytes of text with them.
-- Whoever has the ids: nothing is said of anybody's rows.
SELECT
    toInt64(toUnixTimestamp(min(Start))) * 1000000000 AS since,
    toInt64(toUnixTimestamp(max(End)) + 1) * 1000000000 AS until,
    sum(Spans) AS spans,
    sum(Bytes) AS bytes
FROM otel_traces_trace_id_ts
WHERE TraceId IN {trace_ids:Array(String)}
HAVING count() > 0
