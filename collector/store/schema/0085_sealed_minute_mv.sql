CREATE MATERIALIZED VIEW IF NOT EXISTS sealed_minute_mv TO sealed_minute AS
SELECT
    toStartOfMinute(toDateTime(s.TraceStart)) AS Minute,
    Org,
    multiIf(s.Call, 'model', s.ToolCall, 'tool', s.Operation IN ('invoke_agent', 'invoke_workflow', 'create_agent'), 'agent', 'other') AS Kind,
    RootAgent, Agent, AgentKey, ServiceName, Environment, ReleaseId,
    if(s.Call, s.Model, '') AS Model,
    if(s.ToolCall, s.ToolName, '') AS ToolName,
    sum(s.Sign) AS Spans,
    sumIf(s.Sign, s.StatusCode = 'Error') AS Errors,
    sumIf(s.Sign, s.IsRoot) AS Traces,
    sumIf(s.Sign, s.IsRoot AND s.StatusCode = 'Error') AS FailedTraces,
    sumIf(s.Sign, s.Call AND s.Cost IS NULL) AS Unpriced,
    sumIf(s.Sign * least(ifNull(s.InputTokens, 0), 1000000000000), s.Call) AS InputTokens,
    sumIf(s.Sign * least(ifNull(s.OutputTokens, 0), 1000000000000), s.Call) AS OutputTokens,
    sumIf(if(s.Sign = 1, ifNull(s.Cost, 0), -ifNull(s.Cost, 0)), s.Call) AS Cost,
    sumMapIf(map(toUInt16(8 * log2(greatest(s.Duration, 1))), toInt64(s.Sign)), Kind != 'other') AS Durations,
    sumMapIf(map(toUInt16(8 * log2(greatest(s.TraceDuration - least(s.TraceHumanWait, s.TraceDuration), 1))), toInt64(s.Sign)), s.IsRoot) AS TraceDurations
FROM sealed AS s
GROUP BY Minute, Org, Kind, RootAgent, Agent, AgentKey, ServiceName, Environment, ReleaseId, Model, ToolName
