toUnixTimestamp64Nano(min(FirstSeen)) AS first_ns,
    toUnixTimestamp64Nano(max(LastSeen)) AS last_ns,
    toUnixTimestamp64Nano(max(LastReceived)) AS received_ns,
    sum(Spans) AS spans,
    sum(Errors) AS errors,
    sum(ModelCalls) AS model_calls,
    sum(ToolCalls) AS tool_calls
