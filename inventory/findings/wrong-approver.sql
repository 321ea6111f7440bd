-- title: Somebody decided who was not asked
-- severity: high
-- controls: AC-6, AC-5
-- remedy: Let one of those who were asked look at it; if the agent names another approver than the record, treat its reports as wrong.
-- why: The people whom a policy names know what to look for; an admin's override, or a name that only the agent reports, is none of them.
SELECT
    concat(Agent, '/', firstNonDefault(Approver, DecidedBy)) AS Key, Agent, r.TraceId AS TraceId, '' AS SpanId, coalesce(DecidedAt, ExpiresAt) AS At,
    map('tool', Tool, 'approval', ApprovalId, 'decided by', firstNonDefault(Approver, DecidedBy), 'how', 'overriding those who were asked') AS Details
FROM (SELECT * FROM records WHERE Overridden) AS r
INNER JOIN runs ON runs.TraceId = r.TraceId
UNION ALL
SELECT
    concat(Service, '/', Approver) AS Key, Service AS Agent, TraceId, SpanId, At,
    map('approval', ApprovalId, 'reported', Approver, 'on record', RecordApprover, 'how', 'the agent names another than the record') AS Details
FROM claims
WHERE OnRecord AND Approver != '' AND RecordApprover != '' AND Approver != RecordApprover
