-- Total, and the same on every retry: see spans_mv.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_gauge_mv TO otel_metrics_gauge AS
{{metric_points: gauge}}
