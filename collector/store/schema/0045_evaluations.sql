-- What judges say of an answer, a trace or a conversation: OpenTelemetry's event gen_ai.evaluation.result, on a span or as a
-- log record, and OpenInference's annotations and evaluations. TraceId and SpanId are what was judged; the Judge's are the
-- span that says so, which may be the same. Scores are in each judge's own range; NULL where it gave none.
CREATE TABLE IF NOT EXISTS evaluations
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Org LowCardinality(String),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ConversationId String CODEC(ZSTD(1)),
    ResponseId String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String),
    -- span, trace or conversation.
    Target LowCardinality(String) DEFAULT 'span',
    -- span_event, log or span.
    Source LowCardinality(String),
    Convention LowCardinality(String),
    Name LowCardinality(String),
    Score Nullable(Float64) CODEC(ZSTD(1)),
    Label LowCardinality(String),
    Explanation String CODEC(ZSTD(3)),
    Evaluator LowCardinality(String),
    -- human, llm, code or the judge's own word.
    EvaluatorKind LowCardinality(String),
    JudgeTraceId String CODEC(ZSTD(1)),
    JudgeSpanId String CODEC(ZSTD(1)),
    -- Why there is no result, where the judge failed.
    ErrorType LowCardinality(String),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Identity LowCardinality(String),
    IdentityMethod LowCardinality(String),
    ReceivedAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    RequestId String CODEC(ZSTD(1)),
    BatchId LowCardinality(String),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_conversation ConversationId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_batch_id BatchId TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (Org, ServiceName, Timestamp)
SETTINGS {{durable: merge_tree}}
