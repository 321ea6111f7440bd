-- Model calls. A plain view: its columns are columns of otel_traces, so it costs nothing to keep.
CREATE VIEW IF NOT EXISTS genai_calls AS
SELECT
    Timestamp, Org, TraceId, SpanId, ParentSpanId, ServiceName, AgentId, AgentName, Environment, Operation,
    Provider, RequestModel, Model, ResponseId, ServiceTier, WorkflowName, ConversationId, Requester, ReleaseId,
    InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, ReportedCost,
    Duration, StatusCode, StatusMessage, ErrorType,
    SystemInstructions, InputMessages, OutputMessages, Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM otel_traces
WHERE Operation IN ('chat', 'text_completion', 'generate_content', 'embeddings') OR (Operation = '' AND Model != '')
