-- Model calls. A plain view: its columns are columns of otel_traces, so it costs nothing to keep.
-- Texts are put together from their pieces when they are asked for.
CREATE VIEW IF NOT EXISTS genai_calls AS
SELECT
    Timestamp, Org, TraceId, SpanId, ParentSpanId, ServiceName, AgentId, AgentName, Environment, Operation,
    Provider, RequestModel, Model, ResponseId, ServiceTier, WorkflowName, ConversationId, Requester, ReleaseId,
    InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, ReportedCost,
    Duration, StatusCode, StatusMessage, ErrorType,
    firstNonDefault(SystemInstructions, arrayStringConcat(arrayMap(i -> dictGet('$database.contents_by_id', 'Content', (toDate(Timestamp), toString(Org), toString(ServiceName), toString(i))), Texts['gen_ai.system_instructions']))) AS SystemInstructions,
    firstNonDefault(InputMessages, arrayStringConcat(arrayMap(i -> dictGet('$database.contents_by_id', 'Content', (toDate(Timestamp), toString(Org), toString(ServiceName), toString(i))), Texts['gen_ai.input.messages']))) AS InputMessages,
    firstNonDefault(OutputMessages, arrayStringConcat(arrayMap(i -> dictGet('$database.contents_by_id', 'Content', (toDate(Timestamp), toString(Org), toString(ServiceName), toString(i))), Texts['gen_ai.output.messages']))) AS OutputMessages,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM otel_traces
WHERE Operation IN ('chat', 'text_completion', 'generate_content', 'embeddings') OR (Operation = '' AND Model != '')
