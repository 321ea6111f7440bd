-- title: A write was made more than once
-- severity: high
-- controls: SI-10, AU-12
-- remedy: Undo the second call, and give the tool an idempotency key that the caller sends with every retry.
-- why: After a timeout the first call may have done its work: the second one does it again.
WITH made AS
(
    SELECT
        c.TraceId AS TraceId, SpanId, c.At AS At, Agent, Named, Tool,
        if(IdempotencyKey != '', IdempotencyKey, Digest) AS Same,
        if(t.BusinessKey != '', t.BusinessKey, c.TraceId) AS About
    FROM (SELECT * FROM calls WHERE Writes) AS c
    LEFT ANY JOIN (SELECT TraceId, any(BusinessKey) AS BusinessKey FROM tasks WHERE BusinessKey != '' GROUP BY TraceId) AS t ON t.TraceId = c.TraceId
    WHERE Same != ''
)
SELECT
    concat(Agent, '/', Tool) AS Key, Agent, TraceId, SpanId, At,
    map('tool', Tool, 'about', About, 'first span', First, 'call', toString(Number)) AS Details
FROM
(
    SELECT
        *, row_number() OVER (PARTITION BY Agent, Tool, Same, About ORDER BY At, SpanId) AS Number,
        first_value(SpanId) OVER (PARTITION BY Agent, Tool, Same, About ORDER BY At, SpanId) AS First
    FROM made
)
WHERE Number > 1
