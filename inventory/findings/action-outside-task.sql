-- title: An agent wrote what its task doesn't allow
-- severity: high
-- controls: AC-6, SI-10
-- remedy: Stop the agent if it was led there by what it read; widen the task's allowed actions only where it is meant.
-- why: The task envelope names the writes that may be made for it, and this isn't one.
SELECT
    concat(c.Agent, '/', Tool) AS Key, c.Agent AS Agent, c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At,
    map('tool', Tool, 'task', t.TaskId) AS Details
FROM (SELECT * FROM calls WHERE Writes) AS c
INNER JOIN (
    SELECT TraceId, argMin(TaskId, At) AS TaskId, argMin(AllowedActions, At) AS Allowed FROM tasks GROUP BY TraceId
) AS t ON t.TraceId = c.TraceId
WHERE notEmpty(t.Allowed) AND NOT has(t.Allowed, Tool)
