-- What policies said in these traces.
CREATE TEMPORARY TABLE verdicts ENGINE = Memory AS
SELECT DISTINCT TraceId, lower(SpanAttributes['muster.policy.verdict']) AS Verdict
FROM otel_traces
WHERE Org = {org:String} AND Timestamp >= {{since}} AND Timestamp < {{till}} AND ToolName = ''
    AND SpanAttributes['muster.policy.verdict'] != '' AND TraceId IN (SELECT TraceId FROM runs)
