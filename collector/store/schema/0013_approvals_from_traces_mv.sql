CREATE MATERIALIZED VIEW IF NOT EXISTS approvals_from_traces_mv TO approvals AS
SELECT
    e.1 AS Timestamp, Org, TraceId, SpanId, ServiceName, 'span_event' AS Source, e.3 AS Attributes,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM otel_traces
ARRAY JOIN arrayFilter(x -> x.2 = 'muster.approval', arrayZip(`Events.Timestamp`, `Events.Name`, `Events.Attributes`)) AS e
WHERE has(`Events.Name`, 'muster.approval')
