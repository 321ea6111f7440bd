-- What findings found, one row for each thing that was done: found again it is the same row, and Gone once it is found no more where
-- it was looked for again. What a finding says of an agent as a whole has no trace.
CREATE TABLE IF NOT EXISTS finding_hits
(
    Org LowCardinality(String) CODEC(ZSTD(1)),
    Finding LowCardinality(String) CODEC(ZSTD(1)),
    Key String CODEC(ZSTD(1)),
    Agent LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    At DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Details Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    FoundAt DateTime64(6) CODEC(Delta(8), ZSTD(1)),
    Gone UInt8 CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(FoundAt)
PARTITION BY toYYYYMM(At)
ORDER BY (Org, Finding, Key, TraceId, SpanId)
SETTINGS {{durable: merge_tree}}
