-- Approvals as agents reported them in these traces, once each.
CREATE TEMPORARY TABLE claims ENGINE = Memory AS
SELECT
    TraceId, SpanId, Timestamp AS At, ApprovalId, lower(Decision) AS Decision, Approver, toString(ToolName) AS Tool,
    ArgumentsDigest AS Digest, ShownDigest AS Shown, toString(ServiceName) AS Service,
    r.ApprovalId != '' AS OnRecord, firstNonDefault(r.Approver, r.DecidedBy) AS RecordApprover
FROM (
    SELECT * FROM approvals
    WHERE Org = {org:String} AND Kind = 'approval' AND Timestamp >= {{since}} AND Timestamp < {{till}} + INTERVAL 1 DAY
        AND TraceId IN (SELECT TraceId FROM runs)
    ORDER BY Timestamp
    LIMIT 1 BY TraceId, SpanId, Timestamp, ApprovalId
) AS c
LEFT ANY JOIN records AS r ON r.ApprovalId = c.ApprovalId
