-- What agents reported about approvals and guardrails, newest first, once each.
SELECT
    TraceId AS trace_id,
    {{decision_columns}}
FROM approvals
WHERE Org = {org:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND (toUnixTimestamp64Nano(Timestamp), TraceId, SpanId, ApprovalId) < ({before:Int64}, {before_trace:String}, {before_span:String}, {before_approval:String})
    {{conditions_decisions}}
ORDER BY Timestamp DESC, TraceId DESC, SpanId DESC, ApprovalId DESC, ReceivedAt, RequestId
LIMIT 1 BY Timestamp, TraceId, SpanId, ApprovalId
LIMIT {limit:UInt32}
