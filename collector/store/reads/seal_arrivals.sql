-- What came in since then, a row for each batch and trace. `mark` tells a row that was read before.
SELECT
    Org AS org,
    TraceId AS trace_id,
    Spans AS spans,
    toUnixTimestamp64Milli(LandedAt) AS landed_ms,
    cityHash64(LandedAt, Org, TraceId, BatchId, Spans) AS mark
FROM arrivals
WHERE NOT Sealed AND LandedAt >= fromUnixTimestamp64Milli({since:Int64}) AND LandedAt < fromUnixTimestamp64Milli({until:Int64})
