-- The same for words that are in very many texts: only those are looked at that spans of a short time refer to. Piece by piece,
-- since comparing each span's texts with all that match would take their product.
SELECT
    TraceId AS trace_id,
    argMax(SpanId, At) AS span_id,
    toUnixTimestamp64Nano(max(At)) AS time_ns,
    argMax(Name, At) AS name,
    argMax(Service, At) AS service,
    argMax(Agent, At) AS agent,
    arraySort(argMax(Names, At)) AS names,
    argMax(Ids, At) AS ids,
    count() AS spans
FROM
(
    SELECT
        TraceId, SpanId,
        max(Timestamp) AS At,
        any(SpanName) AS Name,
        any(ServiceName) AS Service,
        any(AgentName) AS Agent,
        groupUniqArray(Piece.1) AS Names,
        groupUniqArray(Piece.2) AS Ids
    FROM
    (
        SELECT
            TraceId, SpanId, Timestamp, SpanName, ServiceName, AgentName,
            arrayJoin(arrayFlatten(arrayMap((name, pieces) -> arrayMap(one -> (name, one), pieces), mapKeys(Texts), mapValues(Texts)))) AS Piece
        FROM otel_traces
        WHERE Org = {org:String}
            AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
            {{conditions_search}}
    )
    WHERE Piece.2 IN (
        SELECT Id
        FROM contents
        WHERE Org = {org:String}
            AND Day >= toDate(fromUnixTimestamp64Nano({since:Int64})) AND Day <= toDate(fromUnixTimestamp64Nano({until:Int64} - 1))
            AND {{search_matches}}
            AND Id IN (
                SELECT arrayJoin(arrayFlatten(mapValues(Texts)))
                FROM otel_traces
                WHERE Org = {org:String}
                    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})))
    GROUP BY TraceId, SpanId
)
GROUP BY TraceId
HAVING (time_ns, TraceId) < ({before:Int64}, {before_id:String})
ORDER BY time_ns DESC, TraceId DESC
LIMIT {limit:UInt32}
