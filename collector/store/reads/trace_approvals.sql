-- What agents reported about approvals and guardrails in a trace, once each.
SELECT
    {{decision_columns}}
FROM approvals
WHERE Org = {org:String} AND TraceId = {trace_id:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT 1 BY SpanId, Timestamp, ApprovalId
LIMIT {limit:UInt32}
