-- What facts.toml adds, and the pieces.
ALTER TABLE spans
    {{fact_alter: ADD COLUMN IF NOT EXISTS}},
    ADD COLUMN IF NOT EXISTS Texts Map(LowCardinality(String), Array(FixedString(16))),
    ADD COLUMN IF NOT EXISTS TextBytes UInt64,
    ADD COLUMN IF NOT EXISTS ArgumentsDigest String,
    ADD COLUMN IF NOT EXISTS Redactions Map(LowCardinality(String), UInt32),
    ADD COLUMN IF NOT EXISTS RedactionPolicy LowCardinality(String),
    ADD COLUMN IF NOT EXISTS Pieces Array(Tuple(FixedString(16), String))
