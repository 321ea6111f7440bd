-- Traces of a window that wait to be sealed, failed ones first (2: the root failed, 1: something inside did), then the slowest.
-- It must look at the whole window.
SELECT
    TraceId AS trace_id,
    toUnixTimestamp64Nano(min(Timestamp)) AS start_ns,
    if(countIf(StatusCode = 'Error' AND ParentSpanId = '') > 0, 2, countIf(StatusCode = 'Error') > 0) AS severity,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) - start_ns AS duration_ns
FROM otel_traces
WHERE Org = {org:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
    AND TraceId IN (-- Traces of which rows came since they were sealed, or that weren't sealed yet: none of them landed before {landed:Int64} (ms).
SELECT TraceId
FROM arrivals
WHERE Org = {org:String} AND LandedAt >= fromUnixTimestamp64Milli({landed:Int64})
GROUP BY TraceId
HAVING maxIf(LandedAt, NOT Sealed) >= maxIf(LandedAt, Sealed))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE ServiceName = {service:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE AgentName = {agent:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE sipHash64(ServiceName, AgentId, AgentName, Identity) IN (SELECT arrayJoin({registered:Array(UInt64)})) AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE Model = {model:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE ToolName = {tool:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE StatusCode = 'Error' AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE Requester = {requester:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE ReleaseId = {release:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE ConversationId = {conversation:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE Environment = {environment:String} AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE positionCaseInsensitiveUTF8(SpanName, {text:String}) > 0 AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE (SpanAttributes[{key_0:String}] = {value_0:String} OR ResourceAttributes[{key_0:String}] = {value_0:String}
            OR (Texts[{key_0:String}] = arrayMap(c -> arrayMap(p -> CAST(substring(SHA256(p), 1, 16), 'FixedString(16)'), c), arrayMap((t, b, l) -> if((b = 0 AND l = 0) OR position(t, '\0') > 0, [t], splitByChar('\0', if(b = 0, if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), replaceAll(if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), ['\0', ', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1'][b + 1], ['\0', '\0, {"role"', '\0,{"role"', '\0, {"parts"', '\0,{"parts"', '\0, {"content"', '\0,{"content"', '\0, {"lc": 1', '\0,{"lc":1'][b + 1])))), [{value_0:String}], arrayMap(t -> multiSearchFirstIndex(t, [', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1']), [{value_0:String}]), arrayMap(t -> startsWith(t, '[{') AND endsWith(t, ']'), [{value_0:String}])))[1] AND {value_0:String} != '')) AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
    AND TraceId IN (SELECT TraceId FROM otel_traces WHERE (SpanAttributes[{key_1:String}] = {value_1:String} OR ResourceAttributes[{key_1:String}] = {value_1:String}
            OR (Texts[{key_1:String}] = arrayMap(c -> arrayMap(p -> CAST(substring(SHA256(p), 1, 16), 'FixedString(16)'), c), arrayMap((t, b, l) -> if((b = 0 AND l = 0) OR position(t, '\0') > 0, [t], splitByChar('\0', if(b = 0, if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), replaceAll(if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), ['\0', ', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1'][b + 1], ['\0', '\0, {"role"', '\0,{"role"', '\0, {"parts"', '\0,{"parts"', '\0, {"content"', '\0,{"content"', '\0, {"lc": 1', '\0,{"lc":1'][b + 1])))), [{value_1:String}], arrayMap(t -> multiSearchFirstIndex(t, [', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1']), [{value_1:String}]), arrayMap(t -> startsWith(t, '[{') AND endsWith(t, ']'), [{value_1:String}])))[1] AND {value_1:String} != '')) AND Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}))
GROUP BY TraceId
HAVING start_ns < {before:Int64}
    AND duration_ns BETWEEN {shortest:Int64} AND {longest:Int64}
    AND (severity, duration_ns, TraceId) < ({after_severity:Int64}, {after_duration:Int64}, {after_id:String})
ORDER BY severity DESC, duration_ns DESC, TraceId DESC
LIMIT {limit:UInt32}
