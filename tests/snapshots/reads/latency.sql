-- Durations of operations, by whatever is asked for: a name that isn't is empty in every row.
SELECT
    toInt64(toUnixTimestamp(toStartOfInterval(Minute, toIntervalMinute({step:UInt32})))) * 1000000000 AS start_ns,
    if({by_agent:Bool}, toString(AgentName), '') AS agent,
    if({by_service:Bool}, toString(ServiceName), '') AS service,
    if({by_operation:Bool}, toString(Operation), '') AS operation,
    if({by_model:Bool}, toString(Model), '') AS model,
    sum(Calls) AS calls,
    sum(Errors) AS errors,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(Duration) AS quantiles
FROM operation_minute
WHERE Org = {org:String} AND Minute >= toDateTime({since:Int64}) AND Minute < toDateTime({until:Int64})
    -- The table's key begins with this, and the engine doesn't conclude it.
    AND toStartOfHour(Minute) >= toStartOfHour(toDateTime({since:Int64})) AND toStartOfHour(Minute) <= toStartOfHour(toDateTime({until:Int64}))
    AND AgentName = {of_agent:String}
    AND ServiceName = {of_service:String}
    AND Operation = {of_operation:String}
    AND Model = {of_model:String}
GROUP BY start_ns, agent, service, operation, model
ORDER BY agent, service, operation, model, start_ns
