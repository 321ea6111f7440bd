-- A row for each seal of a trace, and one with Sign = -1 where a later seal took its place: of a trace's rows only the newest
-- counts. Cost is the sum of what is known, NULL where nothing is; UnpricedCalls says how many calls it leaves out.
CREATE TABLE IF NOT EXISTS trace_summaries
(
    Org LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Seal UInt32 CODEC(ZSTD(1)),
    Sign Int8 CODEC(ZSTD(1)),
    SealedAt DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    Start DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    LastReceived DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    HasRoot UInt8 CODEC(ZSTD(1)),
    RootName LowCardinality(String) CODEC(ZSTD(1)),
    RootService LowCardinality(String) CODEC(ZSTD(1)),
    RootStatus LowCardinality(String) CODEC(ZSTD(1)),
    RootAgent LowCardinality(String) CODEC(ZSTD(1)),
    Environment LowCardinality(String) CODEC(ZSTD(1)),
    Outcome LowCardinality(String) CODEC(ZSTD(1)),
    Requester String CODEC(ZSTD(1)),
    Spans UInt32 CODEC(T64, ZSTD(1)),
    Copies UInt32 CODEC(T64, ZSTD(1)),
    MissingParents UInt32 CODEC(T64, ZSTD(1)),
    InCycles UInt32 CODEC(T64, ZSTD(1)),
    Dropped UInt8 CODEC(ZSTD(1)),
    Redacted UInt32 CODEC(T64, ZSTD(1)),
    Errors UInt32 CODEC(T64, ZSTD(1)),
    Services Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Agents Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Models Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Tools Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Releases Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Conversations Array(String) CODEC(ZSTD(1)),
    Workflows Array(LowCardinality(String)) CODEC(ZSTD(1)),
    ModelCalls UInt32 CODEC(T64, ZSTD(1)),
    CallsWithoutTokens UInt32 CODEC(T64, ZSTD(1)),
    UnpricedCalls UInt32 CODEC(T64, ZSTD(1)),
    TierUnknownCalls UInt32 CODEC(T64, ZSTD(1)),
    ToolCalls UInt32 CODEC(T64, ZSTD(1)),
    InputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    OutputTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheReadTokens Nullable(UInt64) CODEC(ZSTD(1)),
    CacheWriteTokens Nullable(UInt64) CODEC(ZSTD(1)),
    ReasoningTokens Nullable(UInt64) CODEC(ZSTD(1)),
    Cost Nullable(Decimal(38, 24)) CODEC(ZSTD(1)),
    CriticalPath UInt64 CODEC(T64, ZSTD(1)),
    HumanWait UInt64 CODEC(T64, ZSTD(1)),
    -- Whether all of the trace seems to be here: one root, no parent missing, nothing dropped by its senders.
    Complete UInt8 DEFAULT HasRoot AND MissingParents = 0 AND InCycles = 0 AND NOT Dropped CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_sealed SealedAt TYPE minmax GRANULARITY 1,
    INDEX idx_agents Agents TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_requester Requester TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_conversations Conversations TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = VersionedCollapsingMergeTree(Sign, Seal)
PARTITION BY toDate(Start)
ORDER BY (Org, Start, TraceId)
SETTINGS {{durable: merge_tree}}
