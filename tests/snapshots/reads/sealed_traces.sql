-- The newest seals of traces.
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
WHERE Org = {org:String} AND Sign = 1 AND TraceId IN {trace_ids:Array(String)}
    AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
    AND TraceId NOT IN (-- Traces of which rows came since they were sealed, or that weren't sealed yet: none of them landed before {landed:Int64} (ms).
SELECT TraceId
FROM arrivals
WHERE Org = {org:String} AND LandedAt >= fromUnixTimestamp64Milli({landed:Int64})
GROUP BY TraceId
HAVING maxIf(LandedAt, NOT Sealed) >= maxIf(LandedAt, Sealed))
ORDER BY Seal DESC
LIMIT 1 BY TraceId
