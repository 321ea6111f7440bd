-- The spans of a trace by start, every stored copy of them; one span if {span_id} isn't empty.
-- Texts are cut at {text:UInt64} characters, so that a long conversation can't fill the memory of who asks.
WITH mapApply((k, v) -> (k, leftUTF8(v, {text:UInt64})), SpanAttributes) AS cut_attributes,
    arrayMap(m -> mapApply((k, v) -> (k, leftUTF8(v, {text:UInt64})), m), Events.Attributes) AS cut_event_attributes
SELECT
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    CAST(ParentSpanId != '' AND ParentSpanId NOT IN (
        SELECT SpanId FROM otel_traces
        WHERE Org = {org:String} AND TraceId = {trace_id:String}
            AND Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({end:Int64})
    ), 'Bool') AS parent_missing,
    SpanName AS name,
    SpanKind AS kind,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    toInt64(Duration) AS duration_ns,
    StatusCode AS status,
    StatusMessage AS status_message,
    ErrorType AS error_type,
    ServiceName AS service,
    Operation AS operation,
    AgentId AS agent_id,
    AgentName AS agent,
    AgentVersion AS agent_version,
    WorkflowName AS workflow,
    Environment AS environment,
    Provider AS provider,
    RequestModel AS request_model,
    Model AS model,
    ServiceTier AS service_tier,
    ToolName AS tool,
    ToolCallId AS tool_call_id,
    ConversationId AS conversation_id,
    Requester AS requester,
    ReleaseId AS release_id,
    Outcome AS outcome,
    InputTokens AS input_tokens,
    OutputTokens AS output_tokens,
    CacheReadTokens AS cache_read_tokens,
    CacheWriteTokens AS cache_write_tokens,
    ReasoningTokens AS reasoning_tokens,
    leftUTF8(SystemInstructions, {text:UInt64}) AS system_instructions,
    leftUTF8(InputMessages, {text:UInt64}) AS input_messages,
    leftUTF8(OutputMessages, {text:UInt64}) AS output_messages,
    leftUTF8(ToolArguments, {text:UInt64}) AS tool_arguments,
    leftUTF8(ToolResult, {text:UInt64}) AS tool_result,
    cut_attributes AS attributes,
    SpanAttributeKinds AS attribute_kinds,
    ResourceAttributes AS resource_attributes,
    ResourceAttributeKinds AS resource_attribute_kinds,
    ScopeName AS scope_name,
    ScopeVersion AS scope_version,
    ScopeAttributes AS scope_attributes,
    arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp) AS event_times,
    Events.Name AS event_names,
    cut_event_attributes AS event_attributes,
    EventAttributeKinds AS event_kinds,
    Links.TraceId AS link_trace_ids,
    Links.SpanId AS link_span_ids,
    Links.Attributes AS link_attributes,
    LinkAttributeKinds AS link_kinds,
    TraceState AS trace_state,
    DroppedCounts AS dropped_counts,
    RawTimes AS raw_times,
    Org AS org,
    Identity AS identity,
    IdentityMethod AS identity_method,
    toUnixTimestamp64Nano(ReceivedAt) AS received_ns,
    RequestId AS request_id,
    BatchId AS batch_id,
    CAST(cut_attributes != SpanAttributes OR cut_event_attributes != Events.Attributes
        OR greatest(
            lengthUTF8(SystemInstructions), lengthUTF8(InputMessages), lengthUTF8(OutputMessages),
            lengthUTF8(ToolArguments), lengthUTF8(ToolResult)
        ) > {text:UInt64}, 'Bool') AS shortened
FROM otel_traces
WHERE Org = {org:String} AND TraceId = {trace_id:String}
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({end:Int64})
    AND ({span_id:String} = '' OR SpanId = {span_id:String})
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT {limit:UInt32}
