-- Calls, tokens and money per hour by the agents they belong to: signed sums, so that a trace sealed anew corrects them.
-- Token sums cover the calls that reported tokens, Cost those with a price; TokensUnknown and Unpriced count the others.
CREATE TABLE IF NOT EXISTS spend_hour
(
    Hour DateTime CODEC(Delta(4), ZSTD(1)),
    Org LowCardinality(String),
    Agent LowCardinality(String),
    RootAgent LowCardinality(String),
    ServiceName LowCardinality(String),
    Environment LowCardinality(String),
    WorkflowName LowCardinality(String),
    ReleaseId LowCardinality(String),
    Provider LowCardinality(String),
    Model LowCardinality(String),
    Spans SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Calls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ToolCalls SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    TokensUnknown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Unpriced SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    TierUnknown SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    InputTokens SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    OutputTokens SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheReadTokens SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    CacheWriteTokens SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    ReasoningTokens SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Cost SimpleAggregateFunction(sum, Decimal(38, 24)) CODEC(ZSTD(1)),
    OwnTime SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Hour)
ORDER BY (Org, Hour, Agent, RootAgent, ServiceName, Environment, WorkflowName, ReleaseId, Provider, Model)
SETTINGS {{durable: merge_tree}}
