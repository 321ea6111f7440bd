-- What retention removed: a row before each action and one after it, never changed. Rows and Bytes are what was counted before;
-- Held are rows that only holds kept. Counted again after the action, none of Rows was left: only then is there a 'done'.
CREATE TABLE IF NOT EXISTS retention_removals
(
    At DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    Plan String CODEC(ZSTD(1)),
    PolicyId LowCardinality(String),
    Org LowCardinality(String),
    Table LowCardinality(String),
    Partition LowCardinality(String),
    Day Date,
    Class LowCardinality(String),
    Status Enum8('started' = 1, 'done' = 2),
    Rows UInt64,
    Bytes UInt64,
    Reason LowCardinality(String),
    Held UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(At)
ORDER BY (Org, Table, Day, At)
SETTINGS {{durable: merge_tree}}
