-- Spans that talked to a host, read labelled data, or held what redaction caught.
CREATE TEMPORARY TABLE notable ENGINE = Memory AS
SELECT s.TraceId AS TraceId, s.SpanId AS SpanId, s.At AS At, Host, Label, Source, Rules, o.Agent AS Agent, toString(s.Service) AS Service
FROM (
    SELECT
        TraceId, SpanId, Timestamp AS At, ServiceName AS Service,
        if(SpanKind = 'Client' OR ToolName != '', lower(firstNonDefault(SpanAttributes['server.address'], domain(SpanAttributes['url.full']), domain(SpanAttributes['http.url']))), '') AS Host,
        lower(SpanAttributes['muster.data.label']) AS Label, SpanAttributes['gen_ai.data_source.id'] AS Source, mapKeys(Redactions) AS Rules
    FROM otel_traces
    WHERE Org = {org:String} AND Timestamp >= {{since}} AND Timestamp < {{till}} AND (Host != '' OR Label != '' OR notEmpty(Rules))
    ORDER BY ReceivedAt
    LIMIT 1 BY TraceId, SpanId
) AS s
INNER JOIN (
    SELECT TraceId, SpanId, AgentKey FROM span_facts
    WHERE Org = {org:String} AND Timestamp >= {{since}} AND Timestamp < {{till}}
        AND SealedAt >= fromUnixTimestamp64Milli({from:Int64}) AND SealedAt < fromUnixTimestamp64Milli({until:Int64})
    LIMIT 1 BY TraceId, SpanId
) AS f ON f.TraceId = s.TraceId AND f.SpanId = s.SpanId
LEFT ANY JOIN owners AS o ON o.AgentKey = f.AgentKey
