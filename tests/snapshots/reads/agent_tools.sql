-- Which tools agents called, by the keys of their telemetry.
SELECT AgentKey AS key, arraySort(groupUniqArray(toString(ToolName))) AS tools
FROM span_facts
WHERE Org = {org:String} AND ToolCall AND ToolName != '' AND AgentKey != 0
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
GROUP BY AgentKey
