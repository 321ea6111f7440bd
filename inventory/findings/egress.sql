-- title: An agent talked to a host that it may not talk to
-- severity: high
-- controls: AC-6, IR-4
-- remedy: Block the host for the agent, or add it to its egress list if it is meant.
-- why: The registry's entry, as it was then, names the hosts that it may reach.
SELECT
    concat(n.Agent, '/', Host) AS Key, n.Agent AS Agent, TraceId, SpanId, At, map('host', Host) AS Details
FROM (SELECT * FROM notable WHERE Host != '' AND Agent != '') AS n
ASOF LEFT JOIN entries AS e ON e.Agent = n.Agent AND e.Since <= n.At
WHERE notEmpty(e.Egress) AND NOT arrayExists(allowed -> Host = allowed OR (startsWith(allowed, '*.') AND endsWith(Host, substring(allowed, 2))), e.Egress)
