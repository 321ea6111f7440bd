-- Of each registered agent, when it was active last in these environments: the span's time or that of its receipt,
-- whichever is earlier, so that neither a back-dated load nor a clock ahead counts for more than it is. `vouched`: sent by
-- somebody whose identity was verified in one of these ways. 0: never.
WITH toUnixTimestamp64Nano(least(LastSeen, LastReceived)) AS active,
    has({identities:Array(String)}, toString(IdentityMethod)) AS known
SELECT
    owned.Agent AS agent,
    maxIf(active, known) AS vouched_ns,
    maxIf(active, known AND ToolCalls > 0) AS tools_ns,
    maxIf(active, NOT known) AS unvouched_ns
FROM agent_activity
INNER JOIN (
    SELECT AgentKey, toString(Agent) AS Agent
    FROM agent_resolutions FINAL
    WHERE Org = {org:String} AND Agent != '' AND ({agent:String} = '' OR Agent = {agent:String})
) AS owned ON owned.AgentKey = {{agent_key}}
WHERE Org = {org:String} AND has({environments:Array(String)}, lower(toString(Environment)))
GROUP BY agent
