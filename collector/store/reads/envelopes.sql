-- Spans that carry a sealed task envelope, of traces that were sealed in a window of time.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    toUnixTimestamp64Nano(Timestamp) AS at_ns,
    mapFilter((k, v) -> startsWith(k, 'muster.task.'), SpanAttributes) AS attributes,
    notEmpty(Redactions) AS redacted,
    toDate(Timestamp) AS day,
    toString(ServiceName) AS service,
    mapFilter((k, v) -> k = 'muster.task.envelope', Texts) AS pieces
FROM otel_traces
WHERE {{between}} AND Org = {org:String} AND (SpanAttributes['muster.task.signature'] != '' OR SpanAttributes['muster.task.envelope'] != '')
    AND TraceId IN (
        SELECT TraceId FROM trace_summaries
        WHERE Org = {org:String} AND Sign = 1
            AND SealedAt >= fromUnixTimestamp64Milli({sealed_from:Int64}) AND SealedAt < fromUnixTimestamp64Milli({sealed_until:Int64})
    )
ORDER BY Timestamp, SpanId
LIMIT 1 BY TraceId, SpanId
LIMIT {limit:UInt32}
