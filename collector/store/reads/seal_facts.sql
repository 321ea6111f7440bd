-- What the newest seals of the traces said, row by row. SpanKey as in seal_columns.
SELECT
    *,
    if(lower(hex(unhex(SpanId))) = SpanId AND length(SpanId) = 16, reinterpretAsUInt64(reverse(unhex(SpanId))), sipHash64(SpanId)) AS SpanKey
FROM span_facts
WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String})))
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
QUALIFY Seal = max(Seal) OVER (PARTITION BY Org, TraceId)
SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1
