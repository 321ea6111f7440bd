-- How tools do, told apart by agent if asked for.
SELECT
    toString(ToolName) AS tool,
    if({by_agent:Bool}, toString(AgentName), '') AS agent,
    sum(Calls) AS calls,
    sum(Errors) AS errors,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(Duration) AS quantiles,
    arraySort(groupUniqArrayIf(toString(AgentName), AgentName != '')) AS agents,
    arraySort(groupUniqArray(toString(ServiceName))) AS services,
    toUnixTimestamp64Nano(max(LastSeen)) AS last_ns
FROM operation_minute
WHERE Org = {org:String} AND Operation = 'execute_tool' AND {{minutes_of_window}}
    AND ({tool:String} = '' OR ToolName = {tool:String})
GROUP BY tool, agent
ORDER BY calls DESC, tool, agent
