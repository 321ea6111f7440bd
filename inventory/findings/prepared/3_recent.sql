-- Traces of the last day, in the window or not.
CREATE TEMPORARY TABLE recent ENGINE = Memory AS
SELECT
    TraceId, argMax(Start, Seal) AS Start, argMax(toString(RootAgent), Seal) AS RootAgent, argMax(toString(RootName), Seal) AS RootName,
    argMax(CriticalPath, Seal) AS CriticalPath, argMax(HumanWait, Seal) AS HumanWait
FROM trace_summaries
WHERE Org = {org:String} AND Sign = 1 AND Start >= fromUnixTimestamp64Milli({until:Int64}) - INTERVAL 1 DAY
GROUP BY TraceId
