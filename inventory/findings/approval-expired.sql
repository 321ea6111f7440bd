-- title: It ran on an approval that was no longer good
-- severity: high
-- controls: AC-6, AC-12
-- remedy: Ask again before acting; raise good_for_minutes if the work takes that long by nature.
-- why: What was allowed under yesterday's circumstances was done under today's.
SELECT
    concat(Agent, '/', Tool) AS Key, Agent, TraceId, SpanId, At,
    map('tool', Tool, 'approval', ApprovalId, 'good until', toString(GoodUntil)) AS Details
FROM decided
WHERE State IN ('approved', 'modified') AND GoodUntil IS NOT NULL AND At > GoodUntil
