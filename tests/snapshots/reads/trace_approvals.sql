-- What agents reported about approvals and guardrails in a trace, once each.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS time_ns,
    SpanId AS span_id,
    ServiceName AS service,
    Source AS source,
    Kind AS kind,
    Convention AS convention,
    ApprovalId AS approval_id,
    Decision AS decision,
    Approver AS approver,
    PolicyId AS policy_id,
    PolicyVersion AS policy_version,
    Verdict AS verdict,
    Enforced AS enforced,
    Reason AS reason,
    ToolName AS tool,
    ToolCallId AS tool_call_id,
    ArgumentsDigest AS arguments_digest,
    ShownDigest AS shown_digest,
    RequestedAt AS requested_at,
    DecidedAt AS decided_at,
    Identity AS identity,
    IdentityMethod AS identity_method
FROM approvals
WHERE Org = {org:String} AND TraceId = {trace_id:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT 1 BY SpanId, Timestamp, ApprovalId
LIMIT {limit:UInt32}
