-- The newest seals of traces.
SELECT
    {{sealed_figures}}
FROM trace_summaries
WHERE Org = {org:String} AND Sign = 1 AND TraceId IN {trace_ids:Array(String)}
    AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
    {{conditions_sealed}}
ORDER BY Seal DESC
LIMIT 1 BY TraceId
