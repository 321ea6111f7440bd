-- Which kind of decision, in whose words, and about what.
ALTER TABLE approvals
    ADD COLUMN IF NOT EXISTS Kind LowCardinality(String) DEFAULT 'approval',
    ADD COLUMN IF NOT EXISTS Convention LowCardinality(String) DEFAULT 'muster',
    ADD COLUMN IF NOT EXISTS Reason String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ToolName LowCardinality(String),
    ADD COLUMN IF NOT EXISTS ToolCallId String CODEC(ZSTD(1))
