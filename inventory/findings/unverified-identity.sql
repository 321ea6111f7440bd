-- title: Nobody knows who sends an agent's telemetry
-- severity: medium
-- controls: AC-2, AU-10
-- of: agents
-- remedy: Give the agent a token of its own (muster tokens issue --kind agent), and let its exporter send it.
-- why: It came without credentials: anybody could have sent it.
SELECT
    firstNonDefault(Owner, concat(Service, '/', Name)) AS Key, firstNonDefault(Owner, Name) AS Agent, '' AS TraceId, '' AS SpanId, max(Last) AS At,
    map('service', any(Service), 'spans', toString(sum(Spans))) AS Details
FROM seen
WHERE How = 'none' AND (Owner != '' OR Name != '')
GROUP BY Key, Agent
