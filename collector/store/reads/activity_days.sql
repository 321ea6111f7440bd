-- Of each registered agent, the hours in which it was active in these environments, from an hour on: what a policy would
-- have seen then.
WITH has({identities:Array(String)}, toString(IdentityMethod)) AS known
SELECT
    owned.Agent AS agent,
    arraySort(groupUniqArray(toUnixTimestamp(Hour))) AS hours
FROM agent_activity
INNER JOIN (
    SELECT AgentKey, toString(Agent) AS Agent
    FROM agent_resolutions FINAL
    WHERE Org = {org:String} AND Agent != ''
) AS owned ON owned.AgentKey = {{agent_key}}
WHERE Org = {org:String} AND Hour >= fromUnixTimestamp({since:Int64}) AND known
    AND has({environments:Array(String)}, lower(toString(Environment)))
    AND least(LastSeen, LastReceived) >= toDateTime64(Hour, 9)
GROUP BY agent
