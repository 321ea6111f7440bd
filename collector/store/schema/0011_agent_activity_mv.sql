-- An agent's span often names the model of its calls: only the calls themselves are counted.
CREATE MATERIALIZED VIEW IF NOT EXISTS agent_activity_mv TO agent_activity AS
SELECT
    toStartOfHour(toDateTime(Timestamp)) AS Hour,
    Org, Identity, IdentityMethod, ServiceName, AgentId, AgentName, Environment,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors,
    countIf(Operation IN ('chat', 'text_completion', 'generate_content', 'embeddings') OR (Operation = '' AND Model != '')) AS ModelCalls,
    countIf(Operation = 'execute_tool' OR (Operation = '' AND ToolName != '')) AS ToolCalls,
    min(Timestamp) AS FirstSeen,
    max(Timestamp) AS LastSeen,
    max(ReceivedAt) AS LastReceived
FROM otel_traces
GROUP BY Hour, Org, Identity, IdentityMethod, ServiceName, AgentId, AgentName, Environment
