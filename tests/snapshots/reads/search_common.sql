-- The same for words that are in very many texts: only those are looked at that spans of a short time refer to.
WITH (
        SELECT groupArray(Id)
        FROM contents
        WHERE Org = {org:String}
            AND Day >= toDate(fromUnixTimestamp64Nano({since:Int64})) AND Day <= toDate(fromUnixTimestamp64Nano({until:Int64} - 1))
            AND (hasAllTokens(Content, {words:String}) OR ({words:String} != {words_escaped:String} AND hasAllTokens(Content, {words_escaped:String})))
            AND ({phrase:String} = '' OR positionCaseInsensitive(Content, {phrase:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_quoted:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_escaped:String}) > 0)
            AND Id IN (
                SELECT arrayJoin(arrayFlatten(mapValues(Texts)))
                FROM otel_traces
                WHERE Org = {org:String}
                    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64}))
    ) AS hits
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
