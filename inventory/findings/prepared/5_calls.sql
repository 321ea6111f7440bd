-- Tool calls with what they were called with, whose they are, and what the registry said of that agent then.
CREATE TEMPORARY TABLE calls ENGINE = Memory AS
SELECT
    c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At, c.Tool AS Tool, c.Failed AS Failed, c.Agent AS Agent, c.Named AS Named,
    c.Digest AS Digest, c.CallId AS CallId, c.ApprovalId AS ApprovalId, c.IdempotencyKey AS IdempotencyKey,
    e.HighImpact AS HighImpact, e.ReadTools AS ReadTools, e.WriteTools AS WriteTools, e.ApprovalTools AS ApprovalTools,
    has(e.WriteTools, c.Tool) AS Writes
FROM (
    SELECT
        f.TraceId AS TraceId, f.SpanId AS SpanId, f.At AS At, f.Tool AS Tool, f.Failed AS Failed, f.Agent AS Agent, f.Named AS Named,
        s.Digest AS Digest, s.CallId AS CallId, s.ApprovalId AS ApprovalId, s.IdempotencyKey AS IdempotencyKey
    FROM (SELECT * FROM facts WHERE IsCall) AS f
    LEFT ANY JOIN (
        SELECT
            TraceId, SpanId, ArgumentsDigest AS Digest, ToolCallId AS CallId,
            SpanAttributes['muster.approval.id'] AS ApprovalId, SpanAttributes['muster.idempotency_key'] AS IdempotencyKey
        FROM otel_traces
        WHERE Org = {org:String} AND Timestamp >= {{since}} AND Timestamp < {{till}} AND ToolName != ''
    ) AS s ON s.TraceId = f.TraceId AND s.SpanId = f.SpanId
) AS c
ASOF LEFT JOIN entries AS e ON e.Agent = c.Agent AND e.Since <= c.At
