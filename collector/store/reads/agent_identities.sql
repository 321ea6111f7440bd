-- Whoever sent spans, over all their time, by what says who they are.
SELECT
    {{agent_key}} AS key,
    toString(ServiceName) AS service,
    toString(AgentId) AS agent_id,
    toString(AgentName) AS agent,
    toString(Identity) AS identity,
    toUnixTimestamp64Nano(min(FirstSeen)) AS first_ns,
    toUnixTimestamp64Nano(max(LastSeen)) AS last_ns,
    toUnixTimestamp64Nano(max(LastReceived)) AS received_ns,
    sum(Spans) AS spans,
    sum(Errors) AS errors,
    sum(ModelCalls) AS model_calls,
    sum(ToolCalls) AS tool_calls
FROM agent_activity
WHERE Org = {org:String}
GROUP BY ServiceName, AgentId, AgentName, Identity
ORDER BY received_ns DESC, service, agent, agent_id, identity
LIMIT {limit:UInt32}
