-- About how many spans started in a window (seconds).
SELECT sum(Spans) AS spans
FROM agent_activity
WHERE Org = {org:String} AND Hour >= toStartOfHour(toDateTime({since:Int64})) AND Hour < toDateTime({until:Int64})
