-- Traces of which rows came since they were sealed, or that weren't sealed yet: none of them landed before {landed:Int64} (ms).
SELECT TraceId
FROM arrivals
WHERE Org = {org:String} AND LandedAt >= fromUnixTimestamp64Milli({landed:Int64})
GROUP BY TraceId
HAVING {{still_waits}}
