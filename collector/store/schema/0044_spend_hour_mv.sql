CREATE MATERIALIZED VIEW IF NOT EXISTS spend_hour_mv TO spend_hour AS
SELECT
    toStartOfHour(toDateTime(s.Timestamp)) AS Hour,
    Org, Agent, RootAgent, ServiceName, Environment, WorkflowName, ReleaseId,
    if(s.Call, s.Provider, '') AS Provider,
    if(s.Call, s.Model, '') AS Model,
    sum(s.Sign) AS Spans,
    sumIf(s.Sign, s.StatusCode = 'Error') AS Errors,
    sumIf(s.Sign, s.Call) AS Calls,
    sumIf(s.Sign, s.ToolCall) AS ToolCalls,
    sumIf(s.Sign, s.Call AND s.InputTokens IS NULL AND s.OutputTokens IS NULL) AS TokensUnknown,
    sumIf(s.Sign, s.Call AND s.Cost IS NULL) AS Unpriced,
    sumIf(s.Sign, s.Call AND s.TierUnknown) AS TierUnknown,
    sumIf(s.Sign * least(ifNull(s.InputTokens, 0), 1000000000000), s.Call) AS InputTokens,
    sumIf(s.Sign * least(ifNull(s.OutputTokens, 0), 1000000000000), s.Call) AS OutputTokens,
    sumIf(s.Sign * least(ifNull(s.CacheReadTokens, 0), 1000000000000), s.Call) AS CacheReadTokens,
    sumIf(s.Sign * least(ifNull(s.CacheWriteTokens, 0), 1000000000000), s.Call) AS CacheWriteTokens,
    sumIf(s.Sign * least(ifNull(s.ReasoningTokens, 0), 1000000000000), s.Call) AS ReasoningTokens,
    sumIf(if(s.Sign = 1, ifNull(s.Cost, 0), -ifNull(s.Cost, 0)), s.Call) AS Cost,
    sum(s.Sign * toInt64(s.OwnTime)) AS OwnTime
FROM sealed AS s
GROUP BY Hour, Org, Agent, RootAgent, ServiceName, Environment, WorkflowName, ReleaseId, Provider, Model
