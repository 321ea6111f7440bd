-- In which hours there may be calls without a price, and of how many at most.
SELECT toUnixTimestamp(toStartOfHour(Timestamp)) AS hour, count() AS calls
FROM span_facts
WHERE Org = {org:String} AND Call AND Unpriced != ''
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
GROUP BY hour
