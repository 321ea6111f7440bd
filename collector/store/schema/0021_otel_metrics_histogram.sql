-- The columns of the OpenTelemetry ClickHouse exporter first, as in otel_traces.
CREATE TABLE IF NOT EXISTS otel_metrics_histogram
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName LowCardinality(String) CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Count UInt64 CODEC(T64, ZSTD(1)),
    Sum Float64 DEFAULT ifNull(ReportedSum, 0) CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 DEFAULT ifNull(ReportedMin, 0) CODEC(ZSTD(1)),
    Max Float64 DEFAULT ifNull(ReportedMax, 0) CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    Exemplars Nested (FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime64(9), Value Float64, SpanId String, TraceId String) CODEC(ZSTD(1)),

    Org LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    Identity LowCardinality(String) CODEC(ZSTD(1)),
    IdentityMethod LowCardinality(String) DEFAULT 'none' CODEC(ZSTD(1)),
    ReceivedAt DateTime64(9) DEFAULT TimeUnix CODEC(Delta(8), ZSTD(1)),
    RequestId String CODEC(ZSTD(1)),
    BatchId LowCardinality(String) CODEC(ZSTD(1)),

    AttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ResourceAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ScopeAttributeKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ResourceDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    Metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    MetadataKinds Map(LowCardinality(String), Int8) CODEC(ZSTD(1)),
    ExemplarAttributeKinds Array(Map(LowCardinality(String), Int8)) CODEC(ZSTD(1)),
    -- What was sent: 0 nothing, 4 a double, 6 an integer; integers are exact here beyond 2^53.
    ExemplarValueKinds Array(Int8) CODEC(ZSTD(1)),
    ExemplarIntValues Array(Int64) CODEC(ZSTD(1)),
    -- NULL where the sender left it out; the exporter's columns can't say so.
    ReportedSum Nullable(Float64) CODEC(ZSTD(1)),
    ReportedMin Nullable(Float64) CODEC(ZSTD(1)),
    ReportedMax Nullable(Float64) CODEC(ZSTD(1)),
    -- [start, time, exemplar times …] as sent, where a time can't be believed.
    RawTimes Array(UInt64) CODEC(ZSTD(1)),

    INDEX idx_batch_id BatchId TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (Org, ServiceName, MetricName, toUnixTimestamp64Nano(TimeUnix))
SETTINGS {{durable: merge_tree}}
