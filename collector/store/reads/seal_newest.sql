-- The newest seal of each trace, and how many rows it saw.
SELECT Org AS org, TraceId AS trace_id, max(Seal) AS seal, argMax(Spans + Copies, Seal) AS stored
FROM trace_summaries
WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String}))) AND Sign = 1
    AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
GROUP BY Org, TraceId
