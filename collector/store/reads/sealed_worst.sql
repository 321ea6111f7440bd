-- Seals of traces, failed ones first (2: the root failed, 1: something inside did), then the slowest; also superseded ones.
SELECT
    {{sealed_figures}}
FROM trace_summaries
WHERE {{sealed_window}}
    AND (if(HasRoot AND RootStatus = 'Error', 2, Errors > 0), toInt64(Duration), TraceId) < ({after_severity:Int64}, {after_duration:Int64}, {after_id:String})
    {{conditions_sealed}}
ORDER BY if(HasRoot AND RootStatus = 'Error', 2, Errors > 0) DESC, Duration DESC, TraceId DESC
LIMIT {limit:UInt32}
