-- Traces that wait to be sealed by their first span, newest first. Between {since} and {horizon} every span of them is looked
-- at, so the caller keeps that range short. A trace that began before {since} is found too, with a start that is too late:
-- the caller compares with traces_figures.
SELECT TraceId AS trace_id, toUnixTimestamp64Nano(min(Timestamp)) AS start_ns
FROM otel_traces
WHERE Org = {org:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({horizon:Int64})
    AND TraceId IN ({{waiting}})
    {{conditions_waiting}}
GROUP BY TraceId
HAVING (start_ns, TraceId) < ({before:Int64}, {before_id:String})
    AND max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) - start_ns BETWEEN {shortest:Int64} AND {longest:Int64}
ORDER BY start_ns DESC, TraceId DESC
LIMIT {limit:UInt32}
