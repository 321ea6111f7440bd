CREATE MATERIALIZED VIEW IF NOT EXISTS longest_traces_mv TO longest_traces AS
SELECT toStartOfHour(toDateTime(TraceStart)) AS Hour, Org, ServiceName, max(TraceDuration) AS Longest
FROM sealed
GROUP BY Hour, Org, ServiceName
