-- title: A task cost more than it may
-- severity: medium
-- controls: SI-12, CM-6
-- remedy: Look at the trace's critical path and its dearest calls; raise the budget only with a reason.
-- why: Its tokens, its money or its tool calls are over the agent's budget or the task envelope's.
WITH b AS
(
    SELECT r.TraceId AS TraceId, r.Start AS Start, r.RootAgent AS RootAgent, r.InputTokens AS InputTokens, r.OutputTokens AS OutputTokens, r.Cost AS Cost, r.ToolCalls AS ToolCalls,
        o.Agent AS Agent, o.TokenBudget AS TokenBudget, o.ToolBudget AS AgentToolBudget, o.MoneyBudget AS MoneyBudget, t.ToolBudget AS TaskToolBudget
    FROM runs AS r
    LEFT ANY JOIN (
        SELECT f.TraceId AS TraceId, f.Agent AS Agent, e.TokenBudget AS TokenBudget, e.ToolBudget AS ToolBudget, e.MoneyBudget AS MoneyBudget
        FROM (SELECT * FROM facts WHERE IsRoot AND Agent != '') AS f
        ASOF LEFT JOIN entries AS e ON e.Agent = f.Agent AND e.Since <= f.At
    ) AS o ON o.TraceId = r.TraceId
    LEFT ANY JOIN (SELECT TraceId, min(ToolBudget) AS ToolBudget FROM tasks GROUP BY TraceId) AS t ON t.TraceId = r.TraceId
)
SELECT
    concat(firstNonDefault(Agent, RootAgent), '/', What) AS Key, firstNonDefault(Agent, RootAgent) AS Agent, TraceId, '' AS SpanId, Start AS At,
    map('what', What, 'used', Used, 'budget', Allowed) AS Details
FROM b
ARRAY JOIN
    ['tokens', 'money', 'tool calls', 'tool calls of the task'] AS What,
    [
        ifNull(InputTokens, 0) + ifNull(OutputTokens, 0) > ifNull(TokenBudget, 18446744073709551615),
        isNotNull(Cost) AND isNotNull(MoneyBudget) AND Cost > MoneyBudget,
        ToolCalls > ifNull(AgentToolBudget, 18446744073709551615),
        ToolCalls > ifNull(TaskToolBudget, 18446744073709551615)
    ] AS Over,
    [toString(ifNull(InputTokens, 0) + ifNull(OutputTokens, 0)), ifNull(toString(Cost), ''), toString(ToolCalls), toString(ToolCalls)] AS Used,
    [ifNull(toString(TokenBudget), ''), ifNull(toString(MoneyBudget), ''), ifNull(toString(AgentToolBudget), ''), ifNull(toString(TaskToolBudget), '')] AS Allowed
WHERE Over
