CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_mv TO otel_traces AS
SELECT * EXCEPT (Pieces)
FROM spans
