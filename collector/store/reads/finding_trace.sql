-- What was found in a trace.
SELECT
    toString(Finding) AS finding,
    Key AS key,
    SpanId AS span_id,
    toUnixTimestamp64Nano(At) AS at_ns,
    toString(Agent) AS agent,
    Details AS details
FROM finding_hits FINAL
WHERE Org = {org:String} AND TraceId = {trace_id:String} AND NOT Gone
ORDER BY At, Finding, Key, SpanId
LIMIT {limit:UInt32}
