-- What people, models and tools said, each piece once for a service and a day; its name is the beginning of its SHA-256.
-- Rows of otel_traces and otel_logs of that service and day refer to it (Texts). The day keeps both together: content of a
-- day leaves when no row of that day that may still be read refers to it.
CREATE TABLE IF NOT EXISTS contents
(
    Day Date CODEC(ZSTD(1)),
    Org LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Id FixedString(16) CODEC(ZSTD(1)),
    Content String CODEC(ZSTD(3)),
    INDEX idx_content Content TYPE text(tokenizer = 'splitByNonAlpha', preprocessor = lower(Content))
)
ENGINE = ReplacingMergeTree
PARTITION BY Day
ORDER BY (Org, ServiceName, Id, Day)
SETTINGS {{durable: merge_tree}}, index_granularity = 512
