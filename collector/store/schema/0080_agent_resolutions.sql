-- Which registered agent telemetry of a key is; empty: none. Published by the inventory, the newest version counts.
CREATE TABLE IF NOT EXISTS agent_resolutions
(
    Org LowCardinality(String),
    AgentKey UInt64,
    Agent LowCardinality(String),
    Version UInt64
)
ENGINE = ReplacingMergeTree(Version)
ORDER BY (Org, AgentKey)
SETTINGS {{durable: merge_tree}}
