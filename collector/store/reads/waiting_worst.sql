-- Traces of a window that wait to be sealed, failed ones first (2: the root failed, 1: something inside did), then the slowest.
-- It must look at the whole window.
SELECT
    TraceId AS trace_id,
    toUnixTimestamp64Nano(min(Timestamp)) AS start_ns,
    if(countIf(StatusCode = 'Error' AND ParentSpanId = '') > 0, 2, countIf(StatusCode = 'Error') > 0) AS severity,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) - start_ns AS duration_ns
FROM otel_traces
WHERE Org = {org:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
    AND TraceId IN ({{waiting}})
    {{conditions_waiting}}
GROUP BY TraceId
HAVING start_ns < {before:Int64}
    AND duration_ns BETWEEN {shortest:Int64} AND {longest:Int64}
    AND (severity, duration_ns, TraceId) < ({after_severity:Int64}, {after_duration:Int64}, {after_id:String})
ORDER BY severity DESC, duration_ns DESC, TraceId DESC
LIMIT {limit:UInt32}
