-- How many traces wait to be sealed.
SELECT count() AS traces FROM (-- Traces of which rows came since they were sealed, or that weren't sealed yet: none of them landed before {landed:Int64} (ms),
-- or started before {came:Int64} (ns).
SELECT Came.TraceId
FROM
(
    SELECT TraceId, max(LandedAt) AS Landed
    FROM arrivals
    WHERE Org = {org:String} AND LandedAt >= fromUnixTimestamp64Milli({landed:Int64})
    GROUP BY TraceId
) AS Came
LEFT JOIN
(
    SELECT TraceId, max(SealedAt) AS Sealed
    FROM trace_summaries
    WHERE Org = {org:String} AND SealedAt >= fromUnixTimestamp64Milli({landed:Int64})
        AND Start >= fromUnixTimestamp64Nano({came:Int64})
    GROUP BY TraceId
) AS Known ON Came.TraceId = Known.TraceId
WHERE Came.Landed >= Known.Sealed)
