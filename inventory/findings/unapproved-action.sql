-- title: A high-impact action ran without approval
-- severity: critical
-- controls: AC-6, CM-3
-- remedy: Let the agent ask first (inventory.client.gate), and undo what it did if nobody would have allowed it.
-- why: A tool that a person must allow, or a write after a policy said that a person must decide, ran though nobody had said so.
SELECT
    concat(c.Agent, '/', Tool) AS Key, c.Agent AS Agent, c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At,
    map('tool', Tool, 'because', multiIf(has(c.ApprovalTools, Tool), 'the registry says that a person must allow it', has(t.Required, Tool), 'its task envelope requires it', 'a policy said needs_approval')) AS Details
FROM calls AS c
LEFT ANY JOIN (SELECT TraceId, groupUniqArrayArray(RequiredApprovals) AS Required FROM tasks GROUP BY TraceId) AS t ON t.TraceId = c.TraceId
WHERE c.Agent != ''
    AND (has(c.ApprovalTools, Tool) OR has(t.Required, Tool) OR (c.Writes AND c.HighImpact AND c.TraceId IN (SELECT TraceId FROM verdicts WHERE Verdict = 'needs_approval')))
    AND (c.TraceId, c.SpanId) NOT IN (SELECT TraceId, SpanId FROM decided)
    AND c.TraceId NOT IN (SELECT TraceId FROM claims WHERE Decision IN ('approved', 'modified', 'allow', 'allowed', 'accept', 'accepted'))
