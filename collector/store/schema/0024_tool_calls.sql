-- Tool calls with their arguments and results. A plain view over otel_traces, as genai_calls.
CREATE VIEW IF NOT EXISTS tool_calls AS
SELECT
    Timestamp, Org, TraceId, SpanId, ParentSpanId, ServiceName, AgentId, AgentName, Environment,
    ToolName, ToolCallId, ToolType, ToolArguments, ToolResult,
    Duration, StatusCode, StatusMessage, ErrorType, Requester, ReleaseId,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM otel_traces
WHERE Operation = 'execute_tool' OR (Operation = '' AND ToolName != '')
