-- Tool calls with their arguments and results. A plain view over otel_traces, as genai_calls.
CREATE VIEW IF NOT EXISTS tool_calls AS
SELECT
    Timestamp, Org, TraceId, SpanId, ParentSpanId, ServiceName, AgentId, AgentName, Environment,
    ToolName, ToolCallId, ToolType, ArgumentsDigest,
    firstNonDefault(ToolArguments, arrayStringConcat(arrayMap(i -> dictGet('$database.contents_by_id', 'Content', (toDate(Timestamp), toString(Org), toString(ServiceName), toString(i))), Texts['gen_ai.tool.call.arguments']))) AS ToolArguments,
    firstNonDefault(ToolResult, arrayStringConcat(arrayMap(i -> dictGet('$database.contents_by_id', 'Content', (toDate(Timestamp), toString(Org), toString(ServiceName), toString(i))), Texts['gen_ai.tool.call.result']))) AS ToolResult,
    Duration, StatusCode, StatusMessage, ErrorType, Requester, ReleaseId,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM otel_traces
WHERE Operation = 'execute_tool' OR (Operation = '' AND ToolName != '')
