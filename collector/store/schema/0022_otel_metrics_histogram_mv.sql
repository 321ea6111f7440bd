-- Total, and the same on every retry: see spans_mv.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_histogram_mv TO otel_metrics_histogram AS
{{metric_points: histogram}}
