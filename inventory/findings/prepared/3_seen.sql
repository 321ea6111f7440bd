-- Who sent spans in the last days, as what, and which registered agent that is.
CREATE TEMPORARY TABLE seen ENGINE = Memory AS
SELECT
    Service, Name, Who, How, o.Agent AS Owner, Spans, ModelCalls, ToolCalls, Last
FROM (
    SELECT
        {{agent_key}} AS AgentKey, toString(ServiceName) AS Service, firstNonDefault(toString(AgentName), toString(AgentId)) AS Name,
        toString(Identity) AS Who, toString(IdentityMethod) AS How, sum(a.Spans) AS Spans, sum(a.ModelCalls) AS ModelCalls,
        sum(a.ToolCalls) AS ToolCalls, max(LastSeen) AS Last
    FROM agent_activity AS a
    WHERE Org = {org:String} AND Hour >= fromUnixTimestamp64Milli({until:Int64}) - INTERVAL {days:UInt32} DAY
    GROUP BY ServiceName, AgentId, AgentName, Identity, IdentityMethod
) AS s
LEFT ANY JOIN owners AS o ON o.AgentKey = s.AgentKey
