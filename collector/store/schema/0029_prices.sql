-- Every price that was ever put on a call, as it was then: lists change, what a call cost doesn't.
-- Content is JSON with all that decides whether and how the price applies; amounts are texts, in US dollars.
CREATE TABLE IF NOT EXISTS prices
(
    Id String CODEC(ZSTD(1)),
    Source String CODEC(ZSTD(1)),
    Provider LowCardinality(String),
    Model LowCardinality(String),
    Content String CODEC(ZSTD(1)),
    FirstUsed DateTime64(9) CODEC(ZSTD(1)),
    PriceBook LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY Id
SETTINGS {{durable: merge_tree}}
