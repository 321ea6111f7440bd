-- Of these traces those of which every row can be read that came in since then: an insert fills one table after the other.
SELECT Org AS org, TraceId AS trace_id
FROM
(
    SELECT Org, TraceId, BatchId, sum(Spans) AS Came
    FROM arrivals
    WHERE NOT Sealed AND LandedAt >= fromUnixTimestamp64Milli({since:Int64}) AND TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String})))
    GROUP BY Org, TraceId, BatchId
) AS Arrived
LEFT JOIN
(
    WITH (
        SELECT (min(Start), max(End))
        FROM otel_traces_trace_id_ts
        WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String})))
    ) AS extent
    SELECT Org, TraceId, BatchId, count() AS Stored
    FROM otel_traces
    WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String})))
        AND Timestamp >= extent.1 AND Timestamp < extent.2 + INTERVAL 1 SECOND
    GROUP BY Org, TraceId, BatchId
) AS Found USING (Org, TraceId, BatchId)
GROUP BY Org, TraceId
HAVING min(Stored >= Came)
