-- Per-minute rollup of GenAI operations by the identity facts of the spans themselves (not yet attributed to
-- registered agents). Token sums cover the calls that reported tokens; TokensUnknown counts model calls that
-- did not, so that a sum is never taken for the whole. By hour first: who asks for hours doesn't read the month.
CREATE TABLE IF NOT EXISTS operation_minute
(
    Minute DateTime CODEC(Delta(4), ZSTD(1)),
    Org LowCardinality(String),
    ServiceName LowCardinality(String),
    Operation LowCardinality(String),
    AgentName LowCardinality(String),
    Provider LowCardinality(String),
    Model LowCardinality(String),
    ToolName LowCardinality(String),
    Calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    InputTokens SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    OutputTokens SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    TokensUnknown SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    LastSeen SimpleAggregateFunction(max, DateTime64(9)) CODEC(ZSTD(1)),
    Duration AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Minute)
ORDER BY (Org, toStartOfHour(Minute), ServiceName, Operation, AgentName, Provider, Model, ToolName, Minute)
SETTINGS {{durable: merge_tree}}
