-- What the registry said of each agent since when. Before its first entry that one counts: a claim applies to the past too.
CREATE TEMPORARY TABLE entries ENGINE = Memory AS
SELECT
    Id AS Agent,
    if(row_number() OVER (PARTITION BY Id ORDER BY Revision) = 1, toDateTime64(0, 6), ValidFrom) AS Since,
    JSONExtractString(Document, 'spec', 'classification') AS Classification,
    JSONExtractBool(Document, 'spec', 'high_impact') AS HighImpact,
    JSONExtract(Document, 'spec', 'tools', 'read', 'Array(String)') AS ReadTools,
    JSONExtract(Document, 'spec', 'tools', 'write', 'Array(String)') AS WriteTools,
    JSONExtract(Document, 'spec', 'tools', 'approval', 'Array(String)') AS ApprovalTools,
    JSONExtract(Document, 'spec', 'egress', 'Array(String)') AS Egress,
    JSONExtract(Document, 'spec', 'budgets', 'tokens', 'Nullable(UInt64)') AS TokenBudget,
    JSONExtract(Document, 'spec', 'budgets', 'tool_calls', 'Nullable(UInt64)') AS ToolBudget,
    toDecimal128OrNull(JSONExtractString(Document, 'spec', 'budgets', 'money_usd'), 12) AS MoneyBudget
FROM registry_versions FINAL
WHERE Org = {org:String} AND Kind = 'agent' AND NOT Gone
ORDER BY Agent, Since
