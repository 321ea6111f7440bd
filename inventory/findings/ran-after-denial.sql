-- title: It ran although it was not allowed
-- severity: critical
-- controls: AC-6, IR-4
-- remedy: Stop the agent (its page, or muster lifecycle), undo the call, and mend what ignores the answer.
-- why: A person denied it, or nobody decided in time, and the agent did it all the same.
SELECT
    concat(Agent, '/', Tool) AS Key, Agent, TraceId, SpanId, At,
    map('tool', Tool, 'approval', ApprovalId, 'state', State, 'by', firstNonDefault(Approver, DecidedBy)) AS Details
FROM decided
WHERE Mode = 'enforce' AND State IN ('denied', 'timed-out', 'withdrawn', 'pending')
UNION ALL
SELECT
    concat(c.Agent, '/', c.Tool) AS Key, c.Agent AS Agent, c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At,
    map('tool', c.Tool, 'approval', d.ApprovalId, 'state', d.Decision, 'by', d.Approver) AS Details
FROM (SELECT * FROM calls WHERE Writes) AS c
INNER JOIN (
    SELECT TraceId, argMax(Decision, At) AS Decision, argMax(ApprovalId, At) AS ApprovalId, argMax(Approver, At) AS Approver, max(At) AS At
    FROM claims WHERE NOT OnRecord GROUP BY TraceId
) AS d ON d.TraceId = c.TraceId
WHERE d.Decision IN ('denied', 'deny', 'rejected', 'reject', 'abandoned', 'timed-out') AND c.At > d.At
