-- Spans of these traces that somebody is answerable for: tool calls, agents at work, and the root.
CREATE TEMPORARY TABLE facts ENGINE = Memory AS
SELECT
    f.TraceId AS TraceId, f.SpanId AS SpanId, f.Timestamp AS At, toString(f.ToolName) AS Tool, f.ToolCall AS IsCall, f.IsRoot AS IsRoot,
    f.StatusCode = 'Error' AS Failed, toString(f.ReleaseId) AS Release,
    toString(f.Agent) AS Named, o.Agent AS Agent
FROM (
    SELECT *
    FROM span_facts
    WHERE Org = {org:String} AND Timestamp >= {{since}} AND Timestamp < {{till}}
        AND SealedAt >= fromUnixTimestamp64Milli({from:Int64}) AND SealedAt < fromUnixTimestamp64Milli({until:Int64})
        AND (ToolCall OR IsRoot OR Operation IN ('invoke_agent', 'invoke_workflow', 'create_agent'))
) AS f
LEFT ANY JOIN owners AS o ON o.AgentKey = f.AgentKey
LEFT ANY JOIN (SELECT TraceId, Seal FROM runs WHERE Seal > 1) AS resealed ON resealed.TraceId = f.TraceId
WHERE f.Seal = greatest(1, resealed.Seal)
