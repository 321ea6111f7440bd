-- Included where traces are listed: each filter holds if any span of the trace matches it.
    AND ({service:String} = '' OR TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE {service:String} != '' AND Org = {org:String} AND ServiceName = {service:String}
            AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})))
    AND ({agent:String} = '' OR TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE {agent:String} != '' AND Org = {org:String} AND AgentName = {agent:String}
            AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})))
    AND ({failed:Bool} = 0 OR TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE {failed:Bool} AND Org = {org:String} AND StatusCode = 'Error'
            AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})))
    AND ({text:String} = '' OR TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE {text:String} != '' AND Org = {org:String} AND positionCaseInsensitiveUTF8(SpanName, {text:String}) > 0
            AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})))
