-- Total, and the same on every retry: see spans_mv.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_sum_mv TO otel_metrics_sum AS
{{metric_points: sum}}
