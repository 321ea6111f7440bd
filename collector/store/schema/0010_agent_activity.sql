-- Per-hour activity of whatever sends spans: the facts by which dormancy is judged later. ReceivedAt is kept
-- beside the spans' own times, since a back-dated load is not activity in the past.
CREATE TABLE IF NOT EXISTS agent_activity
(
    Hour DateTime CODEC(Delta(4), ZSTD(1)),
    Org LowCardinality(String),
    Identity LowCardinality(String),
    IdentityMethod LowCardinality(String),
    ServiceName LowCardinality(String),
    AgentId LowCardinality(String),
    AgentName LowCardinality(String),
    Environment LowCardinality(String),
    Spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    ModelCalls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    ToolCalls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    FirstSeen SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1)),
    LastSeen SimpleAggregateFunction(max, DateTime64(9)) CODEC(ZSTD(1)),
    LastReceived SimpleAggregateFunction(max, DateTime64(9)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Hour)
ORDER BY (Org, ServiceName, AgentName, AgentId, Environment, Identity, IdentityMethod, Hour)
SETTINGS {{durable: merge_tree}}
