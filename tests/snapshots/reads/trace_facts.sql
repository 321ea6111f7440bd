-- What the spans of a trace mean, under every seal: the newest counts.
SELECT
    SpanId AS span_id,
    Seal AS seal,
    Copies AS copies,
    Agent AS agent,
    RootAgent AS root_agent,
    CAST(Call, 'Bool') AS call,
    PriceId AS price_id,
    Cost AS cost,
    Unpriced AS unpriced,
    CAST(TierUnknown, 'Bool') AS tier_unknown,
    NotCounted AS not_counted,
    OwnTime AS own_ns,
    CriticalTime AS critical_ns,
    CAST(Critical, 'Bool') AS critical,
    Depth AS depth,
    CAST(InCycle, 'Bool') AS in_cycle
FROM span_facts
WHERE Org = {org:String} AND TraceId = {trace_id:String}
    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64})
