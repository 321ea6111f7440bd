-- Months that each registered agent's spans are of, whoever sent them.
SELECT owned.Agent AS agent, arraySort(groupUniqArray(toString(toStartOfMonth(Hour)))) AS months
FROM agent_activity
INNER JOIN (
    SELECT AgentKey, toString(Agent) AS Agent
    FROM agent_resolutions FINAL
    WHERE Org = {org:String} AND Agent != ''
) AS owned ON owned.AgentKey = {{agent_key}}
WHERE Org = {org:String}
GROUP BY agent
