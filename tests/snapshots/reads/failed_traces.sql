-- What failed in a window, by registered agent or the name that telemetry gives: whom it reached, and the trace to look at first.
WITH
    -- `transform` hashes them, where a map would be searched from its beginning for every key; it wants one pair at least.
    (SELECT (arrayPushBack(groupArray(AgentKey), 0), arrayPushBack(groupArray(toString(Agent)), '')) FROM agent_resolutions FINAL WHERE Org = {org:String} AND Agent != '') AS registered
SELECT
    who,
    uniqExact(TraceId) AS traces,
    argMax(TraceId, (RootStatus = 'Error', Errors, Start)) AS worst,
    uniqExactIf(Requester, Requester != '') AS requesters,
    arraySort(groupUniqArrayIf(RootAgent, RootAgent != '')) AS workflows,
    arraySort(groupUniqArrayIf(Environment, Environment != '')) AS environments,
    arraySort(groupUniqArrayArray(Tools)) AS tools
FROM
(
    SELECT
        TraceId, Start, Errors, Requester, toString(RootStatus) AS RootStatus, toString(RootAgent) AS RootAgent,
        toString(Environment) AS Environment, arrayMap(t -> toString(t), Tools) AS Tools,
        arrayDistinct(arrayConcat(
            [''],
            arrayFilter(a -> a != '', arrayMap(k -> transform(k, registered.1, registered.2, ''), AgentKeys)),
            arrayMap(a -> toString(a), Agents)
        )) AS everybody
    FROM trace_summaries FINAL
    WHERE Org = {org:String} AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
        AND Errors > 0
)
ARRAY JOIN everybody AS who
GROUP BY who
ORDER BY traces DESC, who
LIMIT {limit:UInt32}
