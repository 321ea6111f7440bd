-- Traces with a span of the conversation. Sealed ones are found by their summaries, so that spans are only looked at from
-- {waiting_since} on.
SELECT DISTINCT TraceId AS trace_id
FROM
(
    SELECT TraceId
    FROM trace_summaries
    WHERE Org = {org:String} AND has(Conversations, {conversation:String})
        AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
    UNION ALL
    SELECT TraceId
    FROM otel_traces
    WHERE Org = {org:String} AND ConversationId = {conversation:String}
        AND Timestamp >= fromUnixTimestamp64Nano({waiting_since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
)
LIMIT {limit:UInt32}
