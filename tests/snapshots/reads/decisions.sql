-- What agents reported about approvals and guardrails, newest first, once each.
SELECT
    TraceId AS trace_id,
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
WHERE Org = {org:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    AND (toUnixTimestamp64Nano(Timestamp), TraceId, SpanId, ApprovalId) < ({before:Int64}, {before_trace:String}, {before_span:String}, {before_approval:String})
    AND Kind = {kind:String}
    AND Decision = {decision:String}
    AND Approver = {approver:String}
    AND PolicyId = {policy_id:String}
    AND ToolName = {tool:String}
    AND ServiceName = {service:String}
    AND Convention = {convention:String}
    AND ArgumentsDigest = {arguments_digest:String}
ORDER BY Timestamp DESC, TraceId DESC, SpanId DESC, ApprovalId DESC, ReceivedAt, RequestId
LIMIT 1 BY Timestamp, TraceId, SpanId, ApprovalId
LIMIT {limit:UInt32}
