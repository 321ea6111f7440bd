-- What came in lately, for whoever seals traces: a queue and no record, so that old parts of it go by themselves.
-- LandedAt is when the row became visible here, which can be long after its receipt.
CREATE TABLE IF NOT EXISTS arrivals
(
    LandedAt DateTime64(3) DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    Org LowCardinality(String),
    TraceId String CODEC(ZSTD(1)),
    BatchId LowCardinality(String) CODEC(ZSTD(1)),
    Spans UInt32 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(LandedAt)
ORDER BY LandedAt
TTL toDateTime(LandedAt) + INTERVAL 7 DAY
SETTINGS {{durable: merge_tree}}, ttl_only_drop_parts = 1
