-- What sealed traces did, by the minute in which each began: signed sums, so that a trace sealed anew corrects them. Everything of a
-- trace is in one minute, so that cost per trace is a quotient of two sums. An incident is found by comparing these with before.
-- Kind: agent, model, tool or other. Durations: spans by 8 * log2 of their nanoseconds, of all kinds but other;
-- TraceDurations: so for whole traces, without the time in which they waited for people.
CREATE TABLE IF NOT EXISTS sealed_minute
(
    Minute DateTime CODEC(Delta(4), ZSTD(1)),
    Org LowCardinality(String),
    Kind LowCardinality(String),
    RootAgent LowCardinality(String),
    Agent LowCardinality(String),
    AgentKey UInt64,
    ServiceName LowCardinality(String),
    Environment LowCardinality(String),
    ReleaseId LowCardinality(String),
    Model LowCardinality(String),
    ToolName LowCardinality(String),
    Spans SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Traces SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    FailedTraces SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Unpriced SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    InputTokens SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    OutputTokens SimpleAggregateFunction(sum, Int64) CODEC(ZSTD(1)),
    Cost SimpleAggregateFunction(sum, Decimal(38, 24)) CODEC(ZSTD(1)),
    Durations SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) CODEC(ZSTD(1)),
    TraceDurations SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Minute)
ORDER BY (Org, toStartOfHour(Minute), Kind, RootAgent, Agent, AgentKey, ServiceName, Environment, ReleaseId, Model, ToolName, Minute)
SETTINGS {{durable: merge_tree}}
