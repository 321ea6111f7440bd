-- Log records that carry the trace's id, from an hour before it to an hour after it.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS time_ns,
    SpanId AS span_id,
    ServiceName AS service,
    SeverityText AS severity,
    SeverityNumber AS severity_number,
    EventName AS event_name,
    leftUTF8(Body, {text:UInt64}) AS body,
    mapApply((k, v) -> (k, leftUTF8(v, {text:UInt64})), LogAttributes) AS attributes,
    LogAttributeKinds AS attribute_kinds,
    Identity AS identity,
    IdentityMethod AS identity_method,
    toDate(Timestamp) AS day,
    Texts AS pieces,
    CAST(lengthUTF8(Body) > {text:UInt64} OR arrayExists(v -> lengthUTF8(v) > {text:UInt64}, mapValues(LogAttributes)), 'Bool') AS shortened,
    count() OVER () AS total
FROM otel_logs
WHERE Org = {org:String} AND TraceId = {trace_id:String}
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64} - 3600000000000)
    AND Timestamp <= fromUnixTimestamp64Nano({end:Int64} + 3600000000000)
ORDER BY Timestamp, SpanId
LIMIT {limit:UInt32}
