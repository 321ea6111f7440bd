-- When a span was last received; no row in an empty store. From the hourly activity, which is small.
SELECT toUnixTimestamp64Nano(max(LastReceived)) AS received_ns, sum(Spans) AS spans
FROM agent_activity
WHERE Org = {org:String}
HAVING spans > 0
