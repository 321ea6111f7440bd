-- One row per trace, from all its spans whenever they came; a span that came in two requests counts once
-- (the first copy received), but the trace's extent is that of all copies, as where traces are listed.
-- Tokens are those of model calls: an agent's span often repeats the sum of its children's.
SELECT
    TraceId AS trace_id,
    any(First) AS start_ns,
    any(Last) - start_ns AS duration_ns,
    CAST(countIf(ParentSpanId = '') > 0, 'Bool') AS has_root,
    argMin(SpanName, (ParentSpanId != '', Timestamp)) AS root_name,
    argMin(ServiceName, (ParentSpanId != '', Timestamp)) AS root_service,
    argMin(StatusCode, (ParentSpanId != '', Timestamp)) AS root_status,
    argMin(Outcome, (ParentSpanId != '', Timestamp)) AS outcome,
    firstNonDefault(argMin(Requester, (ParentSpanId != '', Timestamp)), max(Requester)) AS requester,
    argMin(Environment, (ParentSpanId != '', Timestamp)) AS environment,
    count() AS spans,
    sum(Copies) - spans AS duplicates,
    countIf(StatusCode = 'Error') AS errors,
    arraySort(groupUniqArrayIf(ServiceName, ServiceName != '')) AS services,
    arraySort(groupUniqArrayIf(AgentName, AgentName != '')) AS agents,
    arraySort(groupUniqArrayIf(Model, Model != '')) AS models,
    countIf(ModelCall) AS model_calls,
    countIf(ModelCall AND InputTokens IS NULL AND OutputTokens IS NULL) AS model_calls_without_tokens,
    sumIf(InputTokens, ModelCall) AS input_tokens,
    sumIf(OutputTokens, ModelCall) AS output_tokens,
    countIf(Operation = 'execute_tool') AS tool_calls,
    toUnixTimestamp64Nano(max(ReceivedAt)) AS last_received_ns,
    arraySort(groupUniqArrayIf(ToolName, Operation = 'execute_tool' AND ToolName != '')) AS tools,
    arraySort(groupUniqArrayIf(ReleaseId, ReleaseId != '')) AS releases,
    arraySort(groupUniqArrayIf(ConversationId, ConversationId != '')) AS conversations
FROM
(
    SELECT
        TraceId, Timestamp, Duration, ParentSpanId, SpanName, ServiceName, StatusCode, Outcome, Requester, Environment,
        AgentName, Model, ToolName, ReleaseId, ConversationId, Operation, InputTokens, OutputTokens, ReceivedAt,
        Operation IN ('chat', 'text_completion', 'generate_content', 'embeddings')
            OR (Operation = '' AND (InputTokens IS NOT NULL OR OutputTokens IS NOT NULL)) AS ModelCall,
        count() OVER (PARTITION BY TraceId, SpanId) AS Copies,
        min(toUnixTimestamp64Nano(Timestamp)) OVER (PARTITION BY TraceId) AS First,
        max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) OVER (PARTITION BY TraceId) AS Last
    FROM otel_traces
    WHERE Org = {org:String} AND TraceId IN {trace_ids:Array(String)}
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
    -- The table's key begins with this, and the engine doesn't conclude it.
    AND toStartOfFiveMinutes(Timestamp) >= toStartOfFiveMinutes(fromUnixTimestamp64Nano({since:Int64}))
    AND toStartOfFiveMinutes(Timestamp) <= toStartOfFiveMinutes(fromUnixTimestamp64Nano({until:Int64}))
    ORDER BY ReceivedAt, RequestId
    LIMIT 1 BY TraceId, SpanId
)
GROUP BY TraceId
