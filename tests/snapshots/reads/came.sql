-- Traces of which rows came that may wait to be sealed: those that landed since then (ms). How many, and since when they
-- have spans. In fifteen seconds an insert is visible; what takes longer shows when it is sealed.
WITH (SELECT argMax(Through, At) - INTERVAL 15 SECOND FROM sealing_progress) AS landed
SELECT
    toUnixTimestamp64Milli(landed) AS landed_ms,
    count() AS traces,
    toInt64(toUnixTimestamp(min(First))) * 1000000000 AS start_ns
FROM
(
    SELECT TraceId, min(Start) AS First
    FROM otel_traces_trace_id_ts
    WHERE TraceId IN (SELECT TraceId FROM arrivals WHERE Org = {org:String} AND LandedAt >= landed)
    GROUP BY TraceId
)
