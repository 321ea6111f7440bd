-- Approval decisions per trace; those that came with a span sent twice count once.
SELECT TraceId AS trace_id, uniqExact(SpanId, Timestamp, ApprovalId) AS approvals
FROM approvals
WHERE Org = {org:String} AND TraceId IN {trace_ids:Array(String)} AND Kind = 'approval'
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
GROUP BY TraceId
