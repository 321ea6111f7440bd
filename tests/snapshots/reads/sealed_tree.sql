-- A trace's tree under every seal, and how many rows ever came in for the trace (0: not known).
WITH (
        SELECT (min(Start), max(End), sum(Spans))
        FROM otel_traces_trace_id_ts
        WHERE TraceId = {trace_id:String}
    ) AS extent
SELECT
    extent.3 AS came,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    SpanName AS name,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    toInt64(Duration) AS duration_ns,
    StatusCode AS status,
    ServiceName AS service,
    Operation AS operation,
    AgentName AS named_agent,
    Model AS model,
    ToolName AS tool,
    InputTokens AS input_tokens,
    OutputTokens AS output_tokens,
    TextBytes AS text_bytes,
    Seal AS seal,
    Copies AS copies,
    Agent AS agent,
    RootAgent AS root_agent,
    CAST(Call, 'Bool') AS call,
    PriceId AS price_id,
    Cost AS cost,
    Unpriced AS unpriced,
    CAST(TierUnknown, 'Bool') AS tier_unknown,
    NotCounted AS not_counted,
    OwnTime AS own_ns,
    CriticalTime AS critical_ns,
    CAST(Critical, 'Bool') AS critical,
    Depth AS depth,
    CAST(InCycle, 'Bool') AS in_cycle
FROM span_facts
WHERE Org = {org:String} AND TraceId = {trace_id:String}
    AND Timestamp >= extent.1 AND Timestamp < extent.2 + INTERVAL 1 SECOND
