-- Of what was sealed before: the newest seal of each span. One token: what an interrupted run has copied isn't copied again.
INSERT INTO sealed_minute
SELECT
    toStartOfMinute(toDateTime(s.TraceStart)) AS Minute,
    Org,
    multiIf(s.Call, 'model', s.ToolCall, 'tool', s.Operation IN ('invoke_agent', 'invoke_workflow', 'create_agent'), 'agent', 'other') AS Kind,
    RootAgent, Agent, AgentKey, ServiceName, Environment, ReleaseId,
    if(s.Call, s.Model, '') AS Model,
    if(s.ToolCall, s.ToolName, '') AS ToolName,
    sum(toInt64(1)) AS Spans,
    sumIf(toInt64(1), s.StatusCode = 'Error') AS Errors,
    sumIf(toInt64(1), s.IsRoot) AS Traces,
    sumIf(toInt64(1), s.IsRoot AND s.StatusCode = 'Error') AS FailedTraces,
    sumIf(toInt64(1), s.Call AND s.Cost IS NULL) AS Unpriced,
    sumIf(toInt64(1) * least(ifNull(s.InputTokens, 0), 1000000000000), s.Call) AS InputTokens,
    sumIf(toInt64(1) * least(ifNull(s.OutputTokens, 0), 1000000000000), s.Call) AS OutputTokens,
    sumIf(ifNull(s.Cost, 0), s.Call) AS Cost,
    sumMapIf(map(toUInt16(8 * log2(greatest(s.Duration, 1))), toInt64(1)), Kind != 'other') AS Durations,
    sumMapIf(map(toUInt16(8 * log2(greatest(s.TraceDuration - least(s.TraceHumanWait, s.TraceDuration), 1))), toInt64(1)), s.IsRoot) AS TraceDurations
FROM (SELECT * FROM span_facts ORDER BY Org, TraceId, SpanId, Seal DESC LIMIT 1 BY Org, TraceId, SpanId) AS s
GROUP BY Minute, Org, Kind, RootAgent, Agent, AgentKey, ServiceName, Environment, ReleaseId, Model, ToolName
SETTINGS insert_deduplication_token = 'sealed_minute', deduplicate_insert_select = 'force_enable', max_threads = 1, max_insert_threads = 1
