-- title: A task was handed on too often
-- severity: medium
-- controls: SI-10
-- remedy: Look where agents hand the task to each other in a circle; raise its ttl only if it is meant to go that far.
-- why: Its hop count is over its limit.
SELECT
    concat(firstNonDefault(f.Agent, Service), '/hops') AS Key, firstNonDefault(f.Agent, Service) AS Agent, t.TraceId AS TraceId, t.SpanId AS SpanId, t.At AS At,
    map('task', TaskId, 'hops', toString(HopCount), 'limit', toString(Ttl)) AS Details
FROM (SELECT * FROM tasks WHERE HopCount IS NOT NULL AND Ttl IS NOT NULL AND HopCount > Ttl) AS t
LEFT ANY JOIN facts AS f ON f.TraceId = t.TraceId AND f.SpanId = t.SpanId
