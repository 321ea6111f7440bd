-- Seals of traces, those that cost most first, then those without a known cost, newest first; also superseded ones.
SELECT
    TraceId AS trace_id,
    Seal AS seal,
    toUnixTimestamp64Nano(Start) AS start_ns,
    toInt64(Duration) AS duration_ns,
    CAST(HasRoot, 'Bool') AS has_root,
    RootName AS root_name,
    RootService AS root_service,
    RootStatus AS root_status,
    Outcome AS outcome,
    Requester AS requester,
    Environment AS environment,
    Spans AS spans,
    Copies AS duplicates,
    Errors AS errors,
    Services AS services,
    Agents AS agents,
    Models AS models,
    ModelCalls AS model_calls,
    CallsWithoutTokens AS model_calls_without_tokens,
    InputTokens AS input_tokens,
    OutputTokens AS output_tokens,
    ToolCalls AS tool_calls,
    toUnixTimestamp64Nano(LastReceived) AS last_received_ns,
    Tools AS tools,
    Releases AS releases,
    Conversations AS conversations,
    Cost AS cost,
    UnpricedCalls AS unpriced_calls,
    CAST(Complete, 'Bool') AS complete,
    CriticalPath AS critical_ns,
    HumanWait AS human_wait_ns
FROM trace_summaries
WHERE Org = {org:String} AND Sign = 1
    AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
    AND (ifNull(Cost, toDecimal128(-1, 24)), Start, TraceId) < ({after_cost:Decimal(38, 24)}, fromUnixTimestamp64Nano({before:Int64}), {before_id:String})
    AND has(Services, {service:String})
    AND has(Agents, {agent:String})
    AND hasAny(AgentKeys, {registered:Array(UInt64)})
    AND has(Models, {model:String})
    AND has(Tools, {tool:String})
    AND Errors > 0
    AND Requester = {requester:String}
    AND has(Releases, {release:String})
    AND has(Conversations, {conversation:String})
    AND Environment = {environment:String}
    AND TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE Org = {org:String} AND positionCaseInsensitiveUTF8(SpanName, {text:String}) > 0 AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({until:Int64} + {reach:Int64}))
    AND TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE Org = {org:String} AND (SpanAttributes[{key_0:String}] = {value_0:String} OR ResourceAttributes[{key_0:String}] = {value_0:String}
            OR (Texts[{key_0:String}] = arrayMap(c -> arrayMap(p -> CAST(substring(SHA256(p), 1, 16), 'FixedString(16)'), c), arrayMap((t, b, l) -> if((b = 0 AND l = 0) OR position(t, '\0') > 0, [t], splitByChar('\0', if(b = 0, if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), replaceAll(if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), ['\0', ', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1'][b + 1], ['\0', '\0, {"role"', '\0,{"role"', '\0, {"parts"', '\0,{"parts"', '\0, {"content"', '\0,{"content"', '\0, {"lc": 1', '\0,{"lc":1'][b + 1])))), [{value_0:String}], arrayMap(t -> multiSearchFirstIndex(t, [', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1']), [{value_0:String}]), arrayMap(t -> startsWith(t, '[{') AND endsWith(t, ']'), [{value_0:String}])))[1] AND {value_0:String} != '')) AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({until:Int64} + {reach:Int64}))
    AND TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE Org = {org:String} AND (SpanAttributes[{key_1:String}] = {value_1:String} OR ResourceAttributes[{key_1:String}] = {value_1:String}
            OR (Texts[{key_1:String}] = arrayMap(c -> arrayMap(p -> CAST(substring(SHA256(p), 1, 16), 'FixedString(16)'), c), arrayMap((t, b, l) -> if((b = 0 AND l = 0) OR position(t, '\0') > 0, [t], splitByChar('\0', if(b = 0, if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), replaceAll(if(l, concat(substring(t, 1, length(t) - 1), '\0]'), t), ['\0', ', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1'][b + 1], ['\0', '\0, {"role"', '\0,{"role"', '\0, {"parts"', '\0,{"parts"', '\0, {"content"', '\0,{"content"', '\0, {"lc": 1', '\0,{"lc":1'][b + 1])))), [{value_1:String}], arrayMap(t -> multiSearchFirstIndex(t, [', {"role"', ',{"role"', ', {"parts"', ',{"parts"', ', {"content"', ',{"content"', ', {"lc": 1', ',{"lc":1']), [{value_1:String}]), arrayMap(t -> startsWith(t, '[{') AND endsWith(t, ']'), [{value_1:String}])))[1] AND {value_1:String} != '')) AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({until:Int64} + {reach:Int64}))
    AND Duration >= {min_duration:UInt64}
    AND Duration <= {max_duration:UInt64}
    AND Cost >= {min_cost:Decimal(38, 24)}
    AND Cost <= {max_cost:Decimal(38, 24)}
    AND (Start < fromUnixTimestamp64Nano({came:Int64}) OR TraceId NOT IN (-- Traces of which rows came since they were sealed, or that weren't sealed yet: none of them landed before {landed:Int64} (ms).
SELECT TraceId
FROM arrivals
WHERE Org = {org:String} AND LandedAt >= fromUnixTimestamp64Milli({landed:Int64})
GROUP BY TraceId
HAVING maxIf(LandedAt, NOT Sealed) >= maxIf(LandedAt, Sealed)))
ORDER BY ifNull(Cost, toDecimal128(-1, 24)) DESC, Start DESC, TraceId DESC
LIMIT {limit:UInt32}
