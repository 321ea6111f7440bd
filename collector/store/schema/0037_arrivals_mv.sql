CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_mv TO arrivals AS
SELECT Org, TraceId, BatchId, count() AS Spans, min(Timestamp) AS Start
FROM spans
GROUP BY Org, TraceId, BatchId
