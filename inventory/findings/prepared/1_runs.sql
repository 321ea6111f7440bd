-- Traces that were sealed in the window, as their newest seal says.
CREATE TEMPORARY TABLE runs ENGINE = Memory AS
SELECT
    TraceId,
    argMax(Seal, Seal) AS Seal,
    argMax(Start, Seal) AS Start,
    argMax(toString(RootAgent), Seal) AS RootAgent,
    argMax(Requester, Seal) AS Requester,
    argMax(ToolCalls, Seal) AS ToolCalls,
    argMax(tuple(InputTokens), Seal).1 AS InputTokens,
    argMax(tuple(OutputTokens), Seal).1 AS OutputTokens,
    argMax(tuple(Cost), Seal).1 AS Cost
FROM trace_summaries
WHERE Org = {org:String} AND Sign = 1
    AND SealedAt >= fromUnixTimestamp64Milli({from:Int64}) AND SealedAt < fromUnixTimestamp64Milli({until:Int64})
GROUP BY TraceId
