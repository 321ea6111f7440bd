-- Model calls without a price, by what they named and why. The newest facts of a span count: a call that was priced
-- later is none of them. Only spans that once had no price are looked at twice.
SELECT
    Provider AS provider,
    Model AS model,
    Unpriced AS reason,
    count() AS calls,
    countIf(InputTokens IS NULL AND OutputTokens IS NULL) AS calls_without_tokens,
    sum(InputTokens) AS input_tokens,
    sum(OutputTokens) AS output_tokens,
    toUnixTimestamp64Nano(min(Timestamp)) AS first_ns,
    toUnixTimestamp64Nano(max(Timestamp)) AS last_ns
FROM
(
    SELECT Provider, Model, Unpriced, Call, InputTokens, OutputTokens, Timestamp
    FROM span_facts
    WHERE Org = {org:String}
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        AND (TraceId, SpanId) IN (
            SELECT TraceId, SpanId
            FROM span_facts
            WHERE Org = {org:String} AND Call AND Unpriced != ''
                AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
                AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        )
    ORDER BY Seal DESC
    LIMIT 1 BY TraceId, SpanId
)
WHERE Call AND Unpriced != ''
GROUP BY provider, model, reason
