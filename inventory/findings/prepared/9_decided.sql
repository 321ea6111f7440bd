-- Which decision, on record, each tool call was made on: named by the call, or by the call's id; else the last one asked for the tool in the
-- trace before it.
CREATE TEMPORARY TABLE decided ENGINE = Memory AS
SELECT
    c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At, c.Tool AS Tool, c.Agent AS Agent, c.Digest AS Digest,
    r.ApprovalId AS ApprovalId, r.State AS State, r.Mode AS Mode, r.Approver AS Approver, r.DecidedBy AS DecidedBy,
    r.AllowedDigest AS AllowedDigest, r.DecidedAt AS DecidedAt, r.GoodUntil AS GoodUntil
FROM calls AS c
INNER JOIN records AS r ON r.TraceId = c.TraceId
WHERE r.ApprovalId = c.ApprovalId OR (c.CallId != '' AND r.CallId = c.CallId AND r.Tool = c.Tool)
    OR (c.ApprovalId = '' AND r.Tool = c.Tool AND coalesce(r.DecidedAt, r.ExpiresAt) <= c.At
        AND c.CallId NOT IN (SELECT CallId FROM records WHERE CallId != ''))
ORDER BY r.ApprovalId = c.ApprovalId DESC, c.CallId != '' AND r.CallId = c.CallId DESC, DecidedAt DESC
LIMIT 1 BY c.TraceId, c.SpanId
