-- Whether the task envelopes that spans carry are what they say: signed by a key that the registry had for their issuer then, of this
-- trace, and saying what the span says. Checked by the inventory when a trace is sealed; checked again it is the same row.
CREATE TABLE IF NOT EXISTS envelope_checks
(
    Org LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    At DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Issuer LowCardinality(String) CODEC(ZSTD(1)),
    KeyId LowCardinality(String) CODEC(ZSTD(1)),
    Result LowCardinality(String) CODEC(ZSTD(1)),
    Detail String CODEC(ZSTD(1)),
    CheckedAt DateTime64(6) CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(CheckedAt)
PARTITION BY toYYYYMM(At)
ORDER BY (Org, TraceId, SpanId)
SETTINGS {{durable: merge_tree}}
