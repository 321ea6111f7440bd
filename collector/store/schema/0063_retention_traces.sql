-- Working table of one plan: which traces' content and rows are due, and which are held (TraceId '': all of the
-- organisation). A plan's part is dropped when the plan is done.
CREATE TABLE IF NOT EXISTS retention_traces
(
    Plan String,
    Org LowCardinality(String),
    TraceId String CODEC(ZSTD(1)),
    LastDay Date,
    Content UInt8,
    Metadata UInt8,
    Held UInt8
)
ENGINE = MergeTree
PARTITION BY Plan
ORDER BY (Org, TraceId)
SETTINGS {{durable: merge_tree}}
