-- Total, and the same on every retry: see spans_mv. A log's time is the event's, else the observed one, else the time of
-- receipt. Bodies of GenAI events are content, whatever their length.
CREATE MATERIALIZED VIEW IF NOT EXISTS logs_mv TO logs AS
SELECT
    fromUnixTimestamp64Nano(toInt64(multiIf(time_ok, time, observed >= 946684800000000000 AND observed <= latest, observed, received_at))) AS Timestamp,
    TraceId, SpanId, SeverityText, SeverityNumber, ServiceName,
    if(body_content, '', body) AS Body,
    ResourceSchemaUrl,
    resource_attributes AS ResourceAttributes,
    ScopeSchemaUrl, ScopeName, ScopeVersion,
    {{map_of: scope_keys, scope_texts}} AS ScopeAttributes,
    {{map_of: arrayFilter((k, b) -> NOT b, keys, content), arrayFilter((t, b) -> NOT b, texts, content)}} AS LogAttributes,
    EventName,
    org AS Org,
    Identity, IdentityMethod,
    fromUnixTimestamp64Nano(toInt64(received_at)) AS ReceivedAt,
    RequestId, BatchId,
    {{kinds_after: [body_sent], [body], [body_kind]}}[1] AS BodyKind,
    {{kind_map_of: keys, {{kinds_after: sent, texts, kinds_sent}}}} AS LogAttributeKinds,
    {{kind_map_of: resource_keys, {{kinds_after: resource_sent, resource_texts, resource_kinds_sent}}}} AS ResourceAttributeKinds,
    {{kind_map_of: scope_keys, {{kinds_after: scope_sent, scope_texts, scope_kinds_sent}}}} AS ScopeAttributeKinds,
    Flags,
    observed AS ObservedTime,
    if(arraySum(dropped) = 0, [], dropped) AS DroppedCounts,
    if(time_ok, [], [time]) AS RawTimes,
    CAST(mapFromArrays(content_names, ids), 'Map(LowCardinality(String), Array(FixedString(16)))') AS Texts,
    arraySum(arrayMap(p -> length(p), arrayFlatten(pieces))) AS TextBytes,
    {{pieces: ids, pieces}} AS Pieces,
    Redactions,
    {{redaction_policy: id}} AS RedactionPolicy
FROM
(
    SELECT *, {{piece_ids: pieces}} AS ids
    FROM
    (
        SELECT
            *,
            arrayConcat(arrayFilter((k, b) -> b, keys, content), if(body_content, ['body'], [])) AS content_names,
            {{cut: arrayConcat(arrayFilter((t, b) -> b, texts, content), if(body_content, [body], []))}} AS pieces
        FROM
        (
            SELECT
                *,
                resource_attributes['service.name'] AS ServiceName,
                {{is_content: keys, texts}} AS content,
                body != '' AND ({{is_long: body}} OR startsWith(EventName, 'gen_ai.') OR startsWith(texts[indexOf(keys, 'event.name')], 'gen_ai.')) AS body_content
            FROM
            (
                SELECT
                    *,
                    if(suspicious, arraySlice(all_texts, 1, resources), resource_sent) AS resource_texts,
                    if(suspicious, arraySlice(all_texts, resources + 1, scopes), scope_sent) AS scope_texts,
                    if(suspicious, arraySlice(all_texts, resources + scopes + 1, attributes), sent) AS texts,
                    if(suspicious, all_texts[resources + scopes + attributes + 1], body_sent) AS body,
                    {{map_of: resource_keys, resource_texts}} AS resource_attributes
                FROM
                (
                    SELECT
                        *,
                        received_at + 86400000000000 AS latest,
                        time >= 946684800000000000 AND time <= received_at + 86400000000000 AS time_ok,
                        length(resource_keys) AS resources,
                        length(scope_keys) AS scopes,
                        length(keys) AS attributes,
                        {{redacted: suspicious, org, all_keys, all_sent}} AS all_texts,
                        {{counted: suspicious, org, all_keys, all_sent}} AS Redactions
                    FROM
                    (
                        SELECT *, {{suspicious: org, all_keys, all_sent}} AS suspicious
                        FROM
                        (
                            SELECT
                                *,
                                arrayConcat(resource_keys, scope_keys, keys, ['']) AS all_keys,
                                arrayConcat(resource_sent, scope_sent, sent, [body_sent]) AS all_sent
                            FROM
                            (
                                WITH
                                    arrayJoin(resource_logs) AS rl,
                                    arrayJoin(rl.scope_logs) AS sl,
                                    arrayJoin(sl.log_records) AS l
                                SELECT
                                    redaction_key, digest_key,
                                    batch_id AS BatchId,
                                    rl.stamp.org AS org,
                                    rl.stamp.identity AS Identity,
                                    rl.stamp.method AS IdentityMethod,
                                    rl.stamp.request_id AS RequestId,
                                    least(rl.stamp.received_at, 9223372036854775807) AS received_at,
                                    rl.schema_url AS ResourceSchemaUrl,
                                    rl.resource.attributes.key AS resource_keys,
                                    {{texts: rl.resource.attributes}} AS resource_sent,
                                    {{kinds_of: rl.resource.attributes}} AS resource_kinds_sent,
                                    sl.schema_url AS ScopeSchemaUrl,
                                    sl.scope.name AS ScopeName,
                                    sl.scope.version AS ScopeVersion,
                                    sl.scope.attributes.key AS scope_keys,
                                    {{texts: sl.scope.attributes}} AS scope_sent,
                                    {{kinds_of: sl.scope.attributes}} AS scope_kinds_sent,
                                    lower(hex(l.trace_id)) AS TraceId,
                                    lower(hex(l.span_id)) AS SpanId,
                                    l.severity_text AS SeverityText,
                                    l.severity_number AS SeverityNumber,
                                    l.event_name AS EventName,
                                    l.flags AS Flags,
                                    l.time_unix_nano AS time,
                                    l.observed_time_unix_nano AS observed,
                                    l.attributes.key AS keys,
                                    {{texts: l.attributes}} AS sent,
                                    {{kinds_of: l.attributes}} AS kinds_sent,
                                    {{text: l.body}} AS body_sent,
                                    {{kind: l.body}} AS body_kind,
                                    [rl.resource.dropped_attributes_count, sl.scope.dropped_attributes_count, l.dropped_attributes_count] AS dropped
                                FROM raw_logs
                            )
                        )
                    )
                )
            )
        )
    )
)
