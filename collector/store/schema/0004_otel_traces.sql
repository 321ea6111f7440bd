-- The columns of the OpenTelemetry ClickHouse exporter first, under its names, so that its readers work here
-- and so that it can write here (by column name): whatever it doesn't send has a DEFAULT from the attributes.
-- Tokens are NULL where a call reported none: unknown is not 0.
CREATE TABLE IF NOT EXISTS otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName LowCardinality(String) CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),

    -- The stamp: who sent it, as verified by the collector, and with which request and batch it came.
    Org LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    Identity LowCardinality(String) CODEC(ZSTD(1)),
    IdentityMethod LowCardinality(String) DEFAULT 'none' CODEC(ZSTD(1)),
    ReceivedAt DateTime64(9) DEFAULT Timestamp CODEC(Delta(8), ZSTD(1)),
    RequestId String CODEC(ZSTD(1)),
    BatchId LowCardinality(String) CODEC(ZSTD(1)),

    -- What the exporter's schema has no room for. Kinds hold the attributes that are not strings (1):
    -- 0 empty, 2 bool, 3 int, 4 double, 5 array, 6 kvlist, 7 bytes.
    SpanAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ResourceAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    EventAttributeKinds Array(Map(LowCardinality(String), Int8)) CODEC(ZSTD(1)),
    LinkAttributeKinds Array(Map(LowCardinality(String), Int8)) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    LinkFlags Array(UInt32) CODEC(ZSTD(1)),
    -- Dropped by the sender: [resource attributes, scope attributes, attributes, events, links], empty when none.
    DroppedCounts Array(UInt32) CODEC(ZSTD(1)),
    EventDroppedAttributes Array(UInt32) CODEC(ZSTD(1)),
    LinkDroppedAttributes Array(UInt32) CODEC(ZSTD(1)),
    -- The sent times where they can't be believed: [start, end, event times …], empty when they can.
    RawTimes Array(UInt64) CODEC(ZSTD(1)),

    Operation LowCardinality(String) DEFAULT SpanAttributes['gen_ai.operation.name'] CODEC(ZSTD(1)),
    AgentId LowCardinality(String) DEFAULT SpanAttributes['gen_ai.agent.id'] CODEC(ZSTD(1)),
    AgentName LowCardinality(String) DEFAULT SpanAttributes['gen_ai.agent.name'] CODEC(ZSTD(1)),
    Environment LowCardinality(String) DEFAULT if(ResourceAttributes['deployment.environment.name'] != '', ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment']) CODEC(ZSTD(1)),
    ConversationId String DEFAULT SpanAttributes['gen_ai.conversation.id'] CODEC(ZSTD(1)),
    Requester String DEFAULT if(SpanAttributes['user.id'] != '', SpanAttributes['user.id'], SpanAttributes['enduser.id']) CODEC(ZSTD(1)),
    ReleaseId LowCardinality(String) DEFAULT SpanAttributes['muster.release.id'] CODEC(ZSTD(1)),
    Outcome LowCardinality(String) DEFAULT SpanAttributes['muster.outcome'] CODEC(ZSTD(1)),
    Provider LowCardinality(String) DEFAULT if(SpanAttributes['gen_ai.provider.name'] != '', SpanAttributes['gen_ai.provider.name'], SpanAttributes['gen_ai.system']) CODEC(ZSTD(1)),
    Model LowCardinality(String) DEFAULT if(SpanAttributes['gen_ai.response.model'] != '', SpanAttributes['gen_ai.response.model'], SpanAttributes['gen_ai.request.model']) CODEC(ZSTD(1)),
    ToolName LowCardinality(String) DEFAULT SpanAttributes['gen_ai.tool.name'] CODEC(ZSTD(1)),
    ToolCallId String DEFAULT SpanAttributes['gen_ai.tool.call.id'] CODEC(ZSTD(1)),
    ErrorType LowCardinality(String) DEFAULT SpanAttributes['error.type'] CODEC(ZSTD(1)),
    InputTokens Nullable(UInt64) DEFAULT toUInt64OrNull(if(SpanAttributes['gen_ai.usage.input_tokens'] != '', SpanAttributes['gen_ai.usage.input_tokens'], SpanAttributes['gen_ai.usage.prompt_tokens'])) CODEC(ZSTD(1)),
    OutputTokens Nullable(UInt64) DEFAULT toUInt64OrNull(if(SpanAttributes['gen_ai.usage.output_tokens'] != '', SpanAttributes['gen_ai.usage.output_tokens'], SpanAttributes['gen_ai.usage.completion_tokens'])) CODEC(ZSTD(1)),

    -- Large texts live in columns of their own; the view takes them out of SpanAttributes.
    InputMessages String DEFAULT SpanAttributes['gen_ai.input.messages'] CODEC(ZSTD(3)),
    OutputMessages String DEFAULT SpanAttributes['gen_ai.output.messages'] CODEC(ZSTD(3)),
    SystemInstructions String DEFAULT SpanAttributes['gen_ai.system_instructions'] CODEC(ZSTD(3)),
    ToolArguments String DEFAULT SpanAttributes['gen_ai.tool.call.arguments'] CODEC(ZSTD(3)),
    ToolResult String DEFAULT SpanAttributes['gen_ai.tool.call.result'] CODEC(ZSTD(3)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_batch_id BatchId TYPE minmax GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1,
    INDEX idx_status StatusCode TYPE set(8) GRANULARITY 1,
    INDEX idx_operation Operation TYPE set(64) GRANULARITY 1,
    INDEX idx_agent AgentName TYPE set(128) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Org, ServiceName, toStartOfFiveMinutes(Timestamp), Timestamp)
SETTINGS {{durable: merge_tree}}, map_serialization_version = 'with_buckets', map_buckets_min_avg_size = 4
