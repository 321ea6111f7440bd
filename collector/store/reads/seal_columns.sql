-- Every stored copy of the traces' spans, all that sealing asks and no content. SpanKey and ParentKey are the ids as
-- numbers, of ids that aren't eight bytes a hash; 0: no parent.
-- HumanWait: somebody decided, or was asked to, about what the span does: an approval names it, in an event or in a log.
SELECT
    Org, TraceId, SpanId, ParentSpanId,
    if(lower(hex(unhex(SpanId))) = SpanId AND length(SpanId) = 16, reinterpretAsUInt64(reverse(unhex(SpanId))), sipHash64(SpanId)) AS SpanKey,
    multiIf(
        ParentSpanId = '', 0,
        lower(hex(unhex(ParentSpanId))) = ParentSpanId AND length(ParentSpanId) = 16, reinterpretAsUInt64(reverse(unhex(ParentSpanId))),
        sipHash64(ParentSpanId)) AS ParentKey,
    Timestamp, Duration, toUnixTimestamp64Nano(ReceivedAt) AS ReceivedNs, RequestId,
    ServiceName, Environment, Operation, StatusCode, SpanName, AgentName, TextBytes,
    toLowCardinality(if(AgentName != '', AgentName, AgentId)) AS NamedAgent,
    {{agent_key}} AS AgentKey,
    WorkflowName, ReleaseId, Requester, ConversationId, Outcome,
    Provider, Model, ServiceTier, ToolName,
    InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, InputAudioTokens, OutputAudioTokens,
    toUInt8(InputTokens IS NOT NULL OR OutputTokens IS NOT NULL) AS HasTokens,
    toUInt8(Operation IN ('chat', 'text_completion', 'generate_content', 'embeddings') OR (Operation = '' AND HasTokens)) AS ModelCall,
    if(ModelCall, ResponseId, '') AS Response,
    toUInt8(Operation = 'execute_tool' OR (Operation = '' AND ToolName != '')) AS ToolCall,
    toUInt8((Org, TraceId, SpanId) IN (
        SELECT Org, TraceId, SpanId
        FROM approvals
        WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String}))) AND Kind = 'approval'
            AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
            AND Timestamp < fromUnixTimestamp64Nano({until:Int64} + 86400000000000)
    )) AS HumanWait,
    toUInt8(notEmpty(DroppedCounts)) AS Dropped,
    toUInt8(notEmpty(Redactions)) AS Redacted
FROM otel_traces
WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String})))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
