-- Model calls whose newest facts were priced by another book, with all that decides a price.
SELECT
    TraceId, Timestamp, Provider, Model, ServiceTier, PriceId, Unpriced,
    InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, InputAudioTokens, OutputAudioTokens
FROM
(
    SELECT
        TraceId, Timestamp, Provider, Model, ServiceTier, PriceId, Unpriced, Call, PriceBook,
        InputTokens, OutputTokens, CacheReadTokens, CacheWriteTokens, ReasoningTokens, InputAudioTokens, OutputAudioTokens
    FROM span_facts
    WHERE Org = {org:String}
        AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        AND (TraceId, SpanId) IN (
            SELECT TraceId, SpanId
            FROM span_facts
            WHERE Org = {org:String} AND Call AND PriceBook != {price_book:String}
                AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
                AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
        )
    ORDER BY Seal DESC
    LIMIT 1 BY TraceId, SpanId
)
WHERE Call AND PriceBook != {price_book:String}
