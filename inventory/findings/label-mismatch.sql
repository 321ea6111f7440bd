-- title: Data crossed a sensitivity label
-- severity: high
-- controls: AC-6, SI-12
-- remedy: Take the source from the agent's corpus, or classify the agent, and the task, for what it reads.
-- why: What was retrieved is labelled higher than the agent, or its task, is cleared for.
WITH ['public', 'internal', 'confidential', 'restricted'] AS labels
SELECT
    concat(n.Agent, '/', n.Label) AS Key, n.Agent AS Agent, n.TraceId AS TraceId, n.SpanId AS SpanId, n.At AS At,
    map('label', n.Label, 'agent', e.Classification, 'task', t.Sensitivity, 'source', n.Source) AS Details
FROM (SELECT * FROM notable WHERE Label != '' AND Agent != '') AS n
ASOF LEFT JOIN entries AS e ON e.Agent = n.Agent AND e.Since <= n.At
LEFT ANY JOIN (SELECT TraceId, argMin(Sensitivity, At) AS Sensitivity FROM tasks GROUP BY TraceId) AS t ON t.TraceId = n.TraceId
WHERE indexOf(labels, n.Label) > indexOf(labels, e.Classification) OR (t.Sensitivity != '' AND indexOf(labels, n.Label) > indexOf(labels, t.Sensitivity))
