-- The columns of the OpenTelemetry ClickHouse exporter first, as in otel_traces.
CREATE TABLE IF NOT EXISTS otel_logs
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimestampTime DateTime DEFAULT toDateTime(Timestamp) CODEC(Delta(4), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8 DEFAULT bitAnd(Flags, 255) CODEC(ZSTD(1)),
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber Int32 CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName LowCardinality(String) CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName LowCardinality(String) CODEC(ZSTD(1)),

    Org LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    Identity LowCardinality(String) CODEC(ZSTD(1)),
    IdentityMethod LowCardinality(String) DEFAULT 'none' CODEC(ZSTD(1)),
    ReceivedAt DateTime64(9) DEFAULT Timestamp CODEC(Delta(8), ZSTD(1)),
    RequestId String CODEC(ZSTD(1)),
    BatchId LowCardinality(String) CODEC(ZSTD(1)),

    BodyKind Int8 DEFAULT 1 CODEC(ZSTD(1)),
    LogAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ResourceAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ScopeAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    ObservedTime UInt64 CODEC(Delta(8), ZSTD(1)),
    -- Dropped by the sender: [resource attributes, scope attributes, attributes], empty when none.
    DroppedCounts Array(UInt32) CODEC(ZSTD(1)),
    -- [time] as sent where Timestamp is another one: the observed time, or the time of receipt.
    RawTimes Array(UInt64) CODEC(ZSTD(1)),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_batch_id BatchId TYPE minmax GRANULARITY 1,
    INDEX idx_severity SeverityNumber TYPE minmax GRANULARITY 1,
    INDEX idx_event EventName TYPE set(128) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Org, ServiceName, toStartOfFiveMinutes(Timestamp), Timestamp)
SETTINGS {{durable: merge_tree}}, map_serialization_version = 'with_buckets', map_buckets_min_avg_size = 4
