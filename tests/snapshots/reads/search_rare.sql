-- Traces with spans that refer to these texts, by the newest such span.
WITH CAST(arrayMap(one -> unhex(one), splitByChar(',', {ids:String})), 'Array(FixedString(16))') AS hits
SELECT
    TraceId AS trace_id,
    argMax(SpanId, Timestamp) AS span_id,
    toUnixTimestamp64Nano(max(Timestamp)) AS time_ns,
    argMax(SpanName, Timestamp) AS name,
    argMax(ServiceName, Timestamp) AS service,
    argMax(AgentName, Timestamp) AS agent,
    arraySort(argMax(arrayFilter(k -> hasAny(Texts[k], hits), mapKeys(Texts)), Timestamp)) AS names,
    argMax(arrayIntersect(arrayFlatten(mapValues(Texts)), hits), Timestamp) AS ids,
    uniqExact(SpanId) AS spans
FROM otel_traces
WHERE Org = {org:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND hasAny(arrayFlatten(mapValues(Texts)), hits)
    AND ServiceName = {service:String}
GROUP BY TraceId
HAVING (time_ns, TraceId) < ({before:Int64}, {before_id:String})
ORDER BY time_ns DESC, TraceId DESC
LIMIT {limit:UInt32}
