-- Working table of one plan: for each table, whose rows are due from which age on (ns since the epoch; 0: never). Columns that
-- a table doesn't have are ''.
CREATE TABLE IF NOT EXISTS retention_borders
(
    Plan String,
    Table LowCardinality(String),
    Class LowCardinality(String),
    Org LowCardinality(String),
    ServiceName LowCardinality(String),
    AgentName LowCardinality(String),
    Environment LowCardinality(String),
    Border Int64
)
ENGINE = MergeTree
PARTITION BY Plan
ORDER BY (Table, Class, Org, ServiceName, AgentName, Environment)
SETTINGS {{durable: merge_tree}}
