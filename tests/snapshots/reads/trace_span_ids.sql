-- Which spans of a trace are stored.
SELECT DISTINCT SpanId AS span_id FROM otel_traces WHERE Org = {org:String} AND TraceId = {trace_id:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    -- The table's key begins with this, and the engine doesn't conclude it.
    AND toStartOfFiveMinutes(Timestamp) >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({since:Int64}))
    AND toStartOfFiveMinutes(Timestamp) <= toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
