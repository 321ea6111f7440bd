-- Rows that became spans, per minute of their receipt.
SELECT toUnixTimestamp(toStartOfMinute(ReceivedAt)) AS minute, count() AS spans
FROM otel_traces
WHERE Org = {org:String} AND ReceivedAt >= fromUnixTimestamp64Nano({since:Int64})
GROUP BY minute
ORDER BY minute
