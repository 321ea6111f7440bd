-- Traces that wait to be sealed, all of which landed since then (ms): how many, and since when they have spans that landed since
-- then. In fifteen seconds an insert is visible; what takes longer shows when it is sealed.
WITH (SELECT argMax(Through, At) - INTERVAL 15 SECOND FROM sealing_progress) AS landed
SELECT
    toUnixTimestamp64Milli(landed) AS landed_ms,
    count() AS traces,
    toUnixTimestamp64Nano(min(First)) AS start_ns
FROM
(
    SELECT TraceId, minIf(Start, NOT Sealed) AS First
    FROM arrivals
    WHERE Org = {org:String} AND LandedAt >= landed
    GROUP BY TraceId
    HAVING {{still_waits}}
)
