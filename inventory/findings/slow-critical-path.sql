-- title: A workflow takes too long, one tool after the other
-- severity: low
-- controls: SI-12
-- of: agents
-- remedy: Call tools that don't need each other's results at the same time; cache what is read again and again.
-- why: Its p95 without waiting for people is over five seconds, and three tool calls or more follow each other on the critical path.
SELECT
    Name AS Key, Name AS Agent, '' AS TraceId, '' AS SpanId, max(Start) AS At,
    map('p95 ms', toString(round(quantile(0.95)(CriticalPath - least(CriticalPath, HumanWait)) / 1000000)), 'traces', toString(count()), 'serial tool calls', toString(round(avg(Serial), 1))) AS Details
FROM
(
    SELECT firstNonDefault(r.RootAgent, r.RootName) AS Name, r.TraceId AS TraceId, r.Start AS Start, r.CriticalPath AS CriticalPath, r.HumanWait AS HumanWait, s.Serial AS Serial
    FROM recent AS r
    LEFT ANY JOIN (
        SELECT TraceId, countIf(Critical AND ToolCall) AS Serial FROM span_facts
        WHERE Org = {org:String} AND ToolCall AND Timestamp >= fromUnixTimestamp64Milli({until:Int64}) - INTERVAL 1 DAY
        GROUP BY TraceId
    ) AS s ON s.TraceId = r.TraceId
)
GROUP BY Name
HAVING count() >= 20 AND quantile(0.95)(CriticalPath - least(CriticalPath, HumanWait)) > 5000000000 AND avg(Serial) >= 3
