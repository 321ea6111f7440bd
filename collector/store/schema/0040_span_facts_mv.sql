CREATE MATERIALIZED VIEW IF NOT EXISTS span_facts_mv TO span_facts AS
SELECT
    Org, TraceId, SpanId, Seal, SealedAt, Timestamp, Duration, ServiceName, Environment, Operation, StatusCode, Agent,
    RootAgent, WorkflowName, ReleaseId, Requester, ConversationId, Provider, Model, ServiceTier, ToolName, Outcome,
    Call, ToolCall, InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, InputAudioTokens,
    OutputAudioTokens, PriceId, Cost, Unpriced, TierUnknown, NotCounted, PriceBook, OwnTime, CriticalTime, Critical,
    Depth, Copies, ParentMissing, InCycle, Dropped, Redacted, IsRoot, SpanName, TraceStart, TraceDuration,
    TraceHasRoot, TraceCriticalPath, TraceHumanWait, TraceLastReceived, ParentSpanId, AgentName, TextBytes,
    AgentKey
FROM sealed
WHERE Sign = 1
