-- Content stands in `contents`: an attribute's text is the pieces named here, put together. ArgumentsDigest is taken of a
-- tool call's arguments before redaction; Redactions says which rule of which policy replaced how much.
ALTER TABLE otel_traces
    ADD COLUMN IF NOT EXISTS Texts Map(LowCardinality(String), Array(FixedString(16))) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS TextBytes UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ArgumentsDigest String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Redactions Map(LowCardinality(String), UInt32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS RedactionPolicy LowCardinality(String) CODEC(ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_received ReceivedAt TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_texts arrayFlatten(mapValues(Texts)) TYPE bloom_filter(0.01) GRANULARITY 1
