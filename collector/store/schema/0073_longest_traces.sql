-- How long (ns) the longest trace took that starts in an hour, by the services in it: how far from a trace's start its spans lie.
CREATE TABLE IF NOT EXISTS longest_traces
(
    Hour DateTime CODEC(Delta(4), ZSTD(1)),
    Org LowCardinality(String),
    ServiceName LowCardinality(String),
    Longest SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Hour)
ORDER BY (Org, Hour, ServiceName)
SETTINGS {{durable: merge_tree}}
