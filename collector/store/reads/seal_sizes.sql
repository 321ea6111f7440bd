-- How many rows the traces have.
SELECT TraceId AS trace_id, count() AS stored
FROM otel_traces
WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String})))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
GROUP BY TraceId
