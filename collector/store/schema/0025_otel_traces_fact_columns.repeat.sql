-- The columns of facts.toml that the table hasn't yet.
ALTER TABLE otel_traces
    {{fact_alter: ADD COLUMN IF NOT EXISTS}}
