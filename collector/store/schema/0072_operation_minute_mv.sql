CREATE MATERIALIZED VIEW IF NOT EXISTS operation_minute_mv TO operation_minute AS
SELECT
    toStartOfMinute(toDateTime(Timestamp)) AS Minute,
    Org, ServiceName, Operation, AgentName, Provider, Model, ToolName,
    count() AS Calls,
    countIf(StatusCode = 'Error') AS Errors,
    sum(ifNull(InputTokens, 0)) AS InputTokens,
    sum(ifNull(OutputTokens, 0)) AS OutputTokens,
    countIf(Operation IN ('chat', 'text_completion', 'generate_content', 'embeddings') AND otel_traces.InputTokens IS NULL AND otel_traces.OutputTokens IS NULL) AS TokensUnknown,
    max(Timestamp) AS LastSeen,
    quantilesTDigestState(0.5, 0.95, 0.99)(otel_traces.Duration) AS Duration
FROM otel_traces
WHERE Operation != ''
GROUP BY Minute, Org, ServiceName, Operation, AgentName, Provider, Model, ToolName
