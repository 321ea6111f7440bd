-- Seals of traces, newest trace first. One that a later seal took the place of may be among them: see sealed_superseded.
SELECT
    {{sealed_figures}}
FROM trace_summaries
WHERE {{sealed_window}}
    AND (Start, TraceId) < (fromUnixTimestamp64Nano({before:Int64}), {before_id:String})
    {{conditions_sealed}}
ORDER BY Start DESC, TraceId DESC
LIMIT {limit:UInt32}
