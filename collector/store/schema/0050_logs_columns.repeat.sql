-- What otel_logs has got since, and the pieces.
ALTER TABLE logs
    ADD COLUMN IF NOT EXISTS Texts Map(LowCardinality(String), Array(FixedString(16))),
    ADD COLUMN IF NOT EXISTS TextBytes UInt64,
    ADD COLUMN IF NOT EXISTS Redactions Map(LowCardinality(String), UInt32),
    ADD COLUMN IF NOT EXISTS RedactionPolicy LowCardinality(String),
    ADD COLUMN IF NOT EXISTS Pieces Array(Tuple(FixedString(16), String))
