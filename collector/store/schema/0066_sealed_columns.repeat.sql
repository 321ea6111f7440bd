-- What makes a tree of a trace's spans, so that span_facts alone shows it: AgentName is what the span itself says.
ALTER TABLE sealed
    ADD COLUMN IF NOT EXISTS ParentSpanId String,
    ADD COLUMN IF NOT EXISTS AgentName LowCardinality(String),
    ADD COLUMN IF NOT EXISTS TextBytes UInt64
