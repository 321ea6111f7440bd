-- Agents by service, over all their time. The rollup has a row for each hour.
SELECT
    toString(ServiceName) AS service,
    toString(AgentId) AS agent_id,
    toString(AgentName) AS agent,
    {{activity_columns}},
    arraySort(groupUniqArrayIf(toString(Environment), Environment != '')) AS environments,
    arraySort(groupUniqArray((toString(Identity), toString(IdentityMethod)))) AS identities
FROM agent_activity
WHERE Org = {org:String}
GROUP BY service, agent_id, agent
HAVING received_ns >= {active_since:Int64}
ORDER BY received_ns DESC, service, agent, agent_id
LIMIT {limit:UInt32}
