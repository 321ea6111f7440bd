-- Seals of traces, those that cost most first, then those without a known cost, newest first; also superseded ones.
SELECT
    {{sealed_figures}}
FROM trace_summaries
WHERE {{sealed_window}}
    AND (ifNull(Cost, toDecimal128(-1, 24)), Start, TraceId) < ({after_cost:Decimal(38, 24)}, fromUnixTimestamp64Nano({before:Int64}), {before_id:String})
    {{conditions_sealed}}
ORDER BY ifNull(Cost, toDecimal128(-1, 24)) DESC, Start DESC, TraceId DESC
LIMIT {limit:UInt32}
