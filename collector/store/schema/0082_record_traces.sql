-- Which traces are in which package of the records, as it was planned: a snapshot names them, and how many rows each had. Whatever
-- asks whether a trace is archived, or held with its package, asks here. Days span all rows of the trace.
CREATE TABLE IF NOT EXISTS record_traces
(
    Org LowCardinality(String),
    Snapshot LowCardinality(String),
    TraceId String CODEC(ZSTD(1)),
    FirstDay Date,
    LastDay Date,
    Spans UInt32 CODEC(T64, ZSTD(1)),
    Logs UInt32 CODEC(T64, ZSTD(1)),
    Approvals UInt32 CODEC(T64, ZSTD(1)),
    Evaluations UInt32 CODEC(T64, ZSTD(1)),
    At Date DEFAULT today(),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(At)
ORDER BY (Org, Snapshot, TraceId)
SETTINGS {{durable: merge_tree}}
