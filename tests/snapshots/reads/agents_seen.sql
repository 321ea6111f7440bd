-- Agents by service, over all their time. The rollup has a row for each hour.
SELECT
    toString(ServiceName) AS service,
    toString(AgentId) AS agent_id,
    toString(AgentName) AS agent,
    toUnixTimestamp64Nano(min(FirstSeen)) AS first_ns,
    toUnixTimestamp64Nano(max(LastSeen)) AS last_ns,
    toUnixTimestamp64Nano(max(LastReceived)) AS received_ns,
    sum(Spans) AS spans,
    sum(Errors) AS errors,
    sum(ModelCalls) AS model_calls,
    sum(ToolCalls) AS tool_calls,
    arraySort(groupUniqArrayIf(toString(Environment), Environment != '')) AS environments,
    arraySort(groupUniqArray((toString(Identity), toString(IdentityMethod)))) AS identities
FROM agent_activity
WHERE Org = {org:String}
GROUP BY service, agent_id, agent
HAVING received_ns >= {active_since:Int64}
ORDER BY received_ns DESC, service, agent, agent_id
LIMIT {limit:UInt32}
