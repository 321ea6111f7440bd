-- title: Work went on after a task's deadline
-- severity: low
-- controls: SI-10
-- remedy: Let the agent look at the deadline before it acts; set one that its work can keep.
-- why: What is done after the deadline may be done on stale facts.
SELECT
    concat(firstNonDefault(c.Agent, c.Named), '/deadline') AS Key, firstNonDefault(c.Agent, c.Named) AS Agent, c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At,
    map('tool', c.Tool, 'task', t.TaskId, 'deadline', toString(t.Deadline)) AS Details
FROM calls AS c
INNER JOIN (SELECT TraceId, any(TaskId) AS TaskId, min(Deadline) AS Deadline FROM tasks WHERE Deadline IS NOT NULL GROUP BY TraceId) AS t ON t.TraceId = c.TraceId
WHERE c.At > t.Deadline
