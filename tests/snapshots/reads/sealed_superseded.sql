-- Which seals of these traces a later one took the place of: their rows have a twin with Sign = -1.
SELECT TraceId AS trace_id, Seal AS seal
FROM trace_summaries
WHERE Org = {org:String} AND Sign = -1
    AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start <= fromUnixTimestamp64Nano({until:Int64})
    AND TraceId IN {trace_ids:Array(String)}
