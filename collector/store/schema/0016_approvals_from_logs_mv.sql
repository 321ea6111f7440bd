CREATE MATERIALIZED VIEW IF NOT EXISTS approvals_from_logs_mv TO approvals AS
SELECT
    Timestamp, Org, TraceId, SpanId, ServiceName, 'log' AS Source, LogAttributes AS Attributes,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM otel_logs
WHERE EventName = 'muster.approval' OR LogAttributes['event.name'] = 'muster.approval'
