-- title: A write can't be answered for
-- severity: medium
-- controls: AU-3, AU-12
-- remedy: Set user.id, muster.release.id and muster.task.id on the agent's spans (collector/README.md), and send with its token.
-- why: No write should happen of which nobody can say who asked for it, what exactly ran, and for which task.
SELECT
    concat(c.Agent, '/', What) AS Key, c.Agent AS Agent, c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At, map('missing', What, 'tool', c.Tool) AS Details
FROM (SELECT Agent, TraceId, argMin(calls.SpanId, calls.At) AS SpanId, min(calls.At) AS At, argMin(calls.Tool, calls.At) AS Tool FROM calls WHERE Writes GROUP BY Agent, TraceId) AS c
LEFT ANY JOIN runs AS r ON r.TraceId = c.TraceId
LEFT ANY JOIN (SELECT TraceId, max(Release) AS Release FROM facts WHERE Release != '' GROUP BY TraceId) AS f ON f.TraceId = c.TraceId
LEFT ANY JOIN (SELECT DISTINCT TraceId FROM tasks) AS t ON t.TraceId = c.TraceId
ARRAY JOIN
    ['requester', 'release', 'task'] AS What,
    [r.Requester = '', f.Release = '', t.TraceId = ''] AS Lacks
WHERE Lacks
