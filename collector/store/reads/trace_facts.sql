-- What the spans of a trace mean, under every seal: the newest counts.
SELECT
    SpanId AS span_id,
    {{fact_columns}}
FROM span_facts
WHERE Org = {org:String} AND TraceId = {trace_id:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
