-- Decisions that vendors write as spans: Pydantic AI's tool calls that wait for somebody, Microsoft's guardrails, OpenInference's
-- GUARDRAIL and DECISION spans. A guardrail's verdict is kept in its own words, which stand in the pieces.
CREATE MATERIALIZED VIEW IF NOT EXISTS approvals_from_spans_mv TO approvals AS
WITH
    SpanAttributes['pydantic_ai.tool.deferral.name'] AS deferral,
    SpanAttributes['microsoft.security.decision.type'] AS microsoft
SELECT
    Timestamp, Org, TraceId, SpanId, ServiceName, 'span' AS Source, SpanAttributes AS Attributes,
    if(deferral != '', 'approval', 'guardrail') AS Kind,
    multiIf(deferral != '', 'pydantic_ai', microsoft != '', 'microsoft', 'openinference') AS Convention,
    multiIf(deferral != '', transform(deferral, ['ApprovalRequired', 'CallDeferred'], ['requested', 'deferred'], deferral), microsoft = 'allow', 'approved', microsoft = 'deny', 'denied', '') AS Decision,
    if(microsoft != '', microsoft, leftUTF8(arrayStringConcat(arrayMap(i -> Pieces.2[indexOf(Pieces.1, i)], Texts['output.value'])), 1000)) AS Verdict,
    multiIf(deferral != '', '', microsoft != '', SpanAttributes['microsoft.guardian.name'], SpanName) AS Approver,
    firstNonDefault(SpanAttributes['microsoft.security.policy.id'], SpanAttributes['microsoft.security.policy.name']) AS PolicyId,
    SpanAttributes['microsoft.security.policy.version'] AS PolicyVersion,
    firstNonDefault(SpanAttributes['microsoft.security.decision.reason'], SpanAttributes['microsoft.security.decision.code'], SpanAttributes['pydantic_ai.tool.deferral.metadata']) AS Reason,
    ToolName, ToolCallId, ToolCallId AS ApprovalId,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM spans
WHERE Operation IN ('guardrail', 'decision') OR (Operation = 'execute_tool' AND SpanAttributes['pydantic_ai.tool.deferral.name'] != '')
