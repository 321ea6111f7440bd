-- title: Something else was done than what was approved
-- severity: critical
-- controls: AC-6, SI-10
-- remedy: Compare the call with what was approved, undo it, and let the agent call with exactly the arguments it was given back.
-- why: The digest of the call's arguments isn't that of the arguments a person allowed.
SELECT
    concat(Agent, '/', Tool) AS Key, Agent, TraceId, SpanId, At,
    map('tool', Tool, 'approval', ApprovalId, 'allowed', AllowedDigest, 'done', Digest) AS Details
FROM decided
WHERE State IN ('approved', 'modified') AND AllowedDigest != '' AND Digest != '' AND Digest != AllowedDigest
UNION ALL
SELECT
    concat(Service, '/', firstNonDefault(Tool, 'action')) AS Key, Service AS Agent, TraceId, SpanId, At,
    map('approval', ApprovalId, 'allowed', Shown, 'done', Digest, 'known from', 'what the agent reported') AS Details
FROM claims
WHERE NOT OnRecord AND Decision IN ('approved', 'allow', 'allowed') AND Shown != '' AND Digest != '' AND Shown != Digest
