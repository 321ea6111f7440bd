-- Each plan of retention and how far it is: the newest row counts.
CREATE TABLE IF NOT EXISTS retention_plans
(
    At DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(Delta(8), ZSTD(1)),
    Plan String CODEC(ZSTD(1)),
    PolicyId LowCardinality(String),
    Now DateTime64(6, 'UTC'),
    Through Date,
    Status Enum8('planned' = 1, 'started' = 2, 'done' = 3, 'abandoned' = 4)
)
ENGINE = MergeTree
ORDER BY (Plan, At)
SETTINGS {{durable: merge_tree}}
