-- title: An agent works that nobody answers for
-- severity: high
-- controls: CM-8, AC-2
-- of: agents
-- remedy: Claim it (Agents, or muster discover), or find who runs it and stop it.
-- why: Its telemetry is no registered agent's: nobody is asked when it fails, and nobody switches it off.
-- Spans that name no agent are a named one's where their service has one.
SELECT
    concat(Service, '/', Name) AS Key, firstNonDefault(Name, Service) AS Agent, '' AS TraceId, '' AS SpanId, max(Last) AS At,
    map('service', Service, 'identity', arrayStringConcat(groupUniqArray(Who), ', '), 'spans', toString(sum(Spans)), 'tool calls', toString(sum(ToolCalls))) AS Details
FROM seen
WHERE Owner = '' AND (Name != '' OR (ModelCalls + ToolCalls > 0 AND Service NOT IN (SELECT Service FROM seen WHERE Name != '')))
GROUP BY Service, Name
