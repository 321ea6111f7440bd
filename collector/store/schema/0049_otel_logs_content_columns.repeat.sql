-- As in otel_traces; a body that is content stands in Texts as `body`.
ALTER TABLE otel_logs
    ADD COLUMN IF NOT EXISTS Texts Map(LowCardinality(String), Array(FixedString(16))) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS TextBytes UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Redactions Map(LowCardinality(String), UInt32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS RedactionPolicy LowCardinality(String) CODEC(ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_texts arrayFlatten(mapValues(Texts)) TYPE bloom_filter(0.01) GRANULARITY 1
