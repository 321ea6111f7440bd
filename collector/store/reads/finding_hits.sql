-- What was found under a key, newest first.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    toUnixTimestamp64Nano(At) AS at_ns,
    toString(Agent) AS agent,
    Details AS details
FROM finding_hits FINAL
WHERE Org = {org:String} AND Finding = {finding:String} AND Key = {key:String} AND NOT Gone
ORDER BY At DESC, TraceId, SpanId
LIMIT {limit:UInt32}
