-- Claude Code reports each permission as an event of its own: who or what decided is its `source`, and a person is named
-- by the session's user.
CREATE MATERIALIZED VIEW IF NOT EXISTS approvals_from_logs_mv TO approvals AS
WITH
    EventName = 'muster.approval' OR LogAttributes['event.name'] = 'muster.approval' AS ours,
    Body = 'claude_code.tool_decision' OR EventName = 'claude_code.tool_decision' OR (LogAttributes['event.name'] = 'tool_decision' AND LogAttributes['tool_name'] != '') AS claude_code,
    LogAttributes['source'] AS decided_by
SELECT
    Timestamp, Org, TraceId, SpanId, ServiceName, 'log' AS Source, LogAttributes AS Attributes,
    if(ours, 'muster', 'claude_code') AS Convention,
    if(ours, LogAttributes['muster.approval.id'], LogAttributes['tool_use_id']) AS ApprovalId,
    if(ours, LogAttributes['muster.approval.decision'], transform(LogAttributes['decision'], ['accept', 'reject'], ['approved', 'denied'], LogAttributes['decision'])) AS Decision,
    multiIf(ours, LogAttributes['muster.approval.approver'], startsWith(decided_by, 'user'), firstNonDefault(LogAttributes['user.email'], LogAttributes['user.account_uuid'], LogAttributes['user.id'], 'user'), decided_by) AS Approver,
    if(ours, '', decided_by) AS Reason,
    if(ours, '', LogAttributes['tool_name']) AS ToolName,
    if(ours, '', LogAttributes['tool_use_id']) AS ToolCallId,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM otel_logs
WHERE ours OR claude_code
