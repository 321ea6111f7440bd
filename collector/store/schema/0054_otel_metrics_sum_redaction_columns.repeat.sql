ALTER TABLE otel_metrics_sum
    ADD COLUMN IF NOT EXISTS Redactions Map(LowCardinality(String), UInt32) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS RedactionPolicy LowCardinality(String) CODEC(ZSTD(1))
