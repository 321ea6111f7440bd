-- title: Somebody approved what was done for them
-- severity: high
-- controls: AC-2, AC-6
-- remedy: Let a second person look at what was done, and name the approvers in the agent's requests.
-- why: Who asks and who allows must be two people.
SELECT
    concat(Agent, '/', Approver) AS Key, Agent, r.TraceId AS TraceId, '' AS SpanId, coalesce(DecidedAt, ExpiresAt) AS At,
    map('tool', Tool, 'approval', ApprovalId, 'approver', Approver) AS Details
FROM (SELECT * FROM records WHERE State IN ('approved', 'modified') AND Approver != '') AS r
INNER JOIN runs ON runs.TraceId = r.TraceId
WHERE Approver IN (runs.Requester, r.Requester)
UNION ALL
SELECT
    concat(Service, '/', Approver) AS Key, Service AS Agent, c.TraceId AS TraceId, c.SpanId AS SpanId, c.At AS At,
    map('approval', ApprovalId, 'approver', Approver, 'known from', 'what the agent reported') AS Details
FROM (SELECT * FROM claims WHERE NOT OnRecord AND Decision IN ('approved', 'modified') AND Approver != '') AS c
INNER JOIN runs ON runs.TraceId = c.TraceId
WHERE Approver = runs.Requester
