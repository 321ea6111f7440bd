-- Whoever sent spans, over all their time, by what says who they are.
SELECT
    {{agent_key}} AS key,
    toString(ServiceName) AS service,
    toString(AgentId) AS agent_id,
    toString(AgentName) AS agent,
    toString(Identity) AS identity,
    {{activity_columns}}
FROM agent_activity
WHERE Org = {org:String}
GROUP BY ServiceName, AgentId, AgentName, Identity
ORDER BY received_ns DESC, service, agent, agent_id, identity
LIMIT {limit:UInt32}
