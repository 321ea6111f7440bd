-- title: An agent works that nobody answers for
-- severity: high
-- controls: CM-8, AC-2
-- of: agents
-- remedy: Claim it (Agents, or muster discover), or find who runs it and stop it.
-- why: Its telemetry is no registered agent's: nobody is asked when it fails, and nobody switches it off.
SELECT
    concat(Service, '/', Name) AS Key, Name AS Agent, '' AS TraceId, '' AS SpanId, Last AS At,
    map('service', Service, 'identity', Who, 'spans', toString(Spans), 'tool calls', toString(ToolCalls)) AS Details
FROM seen
WHERE Owner = '' AND (Name != '' OR ModelCalls > 0 OR ToolCalls > 0)
