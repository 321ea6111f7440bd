-- title: Redaction caught what should not have been sent
-- severity: low
-- controls: SI-12
-- remedy: Find where the agent puts it into prompts, arguments or names, and keep it out at the source.
-- why: What redaction catches was in the agent's hands; what it doesn't catch may be kept.
SELECT
    concat(firstNonDefault(Agent, Service), '/', Rule) AS Key, firstNonDefault(Agent, Service) AS Agent, TraceId, SpanId, At, map('rule', Rule) AS Details
FROM notable
ARRAY JOIN Rules AS Rule
