-- Hours in which a service's spans came in within the hour or soon after, and when the last one did.
SELECT
    toUnixTimestamp(Hour) AS hour,
    toUnixTimestamp64Nano(max(LastReceived)) AS received_ns
FROM agent_activity
WHERE Org = {org:String} AND ServiceName = {service:String} AND Hour >= fromUnixTimestamp({since:Int64})
GROUP BY Hour
ORDER BY Hour
