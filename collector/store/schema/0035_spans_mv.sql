-- Total by construction: nothing here may throw, whatever a sender writes, or its whole batch would wait.
-- No now(): a retried batch must give the same rows. Times before 2000 or more than a day after receipt
-- become the time of receipt, and a duration that ends before it starts or in the future becomes 0; what was sent
-- stays in RawTimes.
-- From the inside out: the items and the texts of their attributes as sent; those after redaction (only the digest of a
-- tool call's arguments is taken before); what is known of them; facts; content in pieces.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_mv TO spans AS
SELECT
    fromUnixTimestamp64Nano(toInt64(if(start_ok, start, received_at))) AS Timestamp,
    TraceId, SpanId, ParentSpanId, TraceState,
    name AS SpanName,
    SpanKind, ServiceName,
    resource_attributes AS ResourceAttributes,
    ScopeName, ScopeVersion,
    {{map_of: arrayFilter((k, b) -> NOT b, keys, content), arrayFilter((t, b) -> NOT b, texts, content)}} AS SpanAttributes,
    if(start_ok AND end_ok, end - start, 0) AS Duration,
    StatusCode,
    StatusMessage,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))), event_times) AS `Events.Timestamp`,
    event_names AS `Events.Name`,
    arrayMap((k, t) -> {{map_of: k, t}}, event_keys, event_texts) AS `Events.Attributes`,
    arrayMap(x -> lower(hex(x)), link_traces) AS `Links.TraceId`,
    arrayMap(x -> lower(hex(x)), link_spans) AS `Links.SpanId`,
    link_states AS `Links.TraceState`,
    arrayMap((k, t) -> {{map_of: k, t}}, link_keys, link_texts) AS `Links.Attributes`,
    org AS Org,
    Identity, IdentityMethod,
    fromUnixTimestamp64Nano(toInt64(received_at)) AS ReceivedAt,
    RequestId, BatchId,
    {{kind_map_of: keys, {{kinds_after: sent, texts, kinds_sent}}}} AS SpanAttributeKinds,
    {{kind_map_of: resource_keys, {{kinds_after: resource_sent, resource_texts, resource_kinds_sent}}}} AS ResourceAttributeKinds,
    {{map_of: scope_keys, scope_texts}} AS ScopeAttributes,
    {{kind_map_of: scope_keys, {{kinds_after: scope_sent, scope_texts, scope_kinds_sent}}}} AS ScopeAttributeKinds,
    arrayMap((k, n) -> {{kind_map_of: k, n}}, event_keys, {{kinds_after_each: event_sent, event_texts, event_kinds_sent}}) AS EventAttributeKinds,
    arrayMap((k, n) -> {{kind_map_of: k, n}}, link_keys, {{kinds_after_each: link_sent, link_texts, link_kinds_sent}}) AS LinkAttributeKinds,
    ResourceSchemaUrl, ScopeSchemaUrl, Flags, LinkFlags,
    if(arraySum(dropped) = 0, [], dropped) AS DroppedCounts,
    if(arraySum(event_dropped) = 0, [], event_dropped) AS EventDroppedAttributes,
    if(arraySum(link_dropped) = 0, [], link_dropped) AS LinkDroppedAttributes,
    if(start_ok AND end_ok AND NOT arrayExists(t -> t > 9223372036854775807, event_times), [], arrayConcat([start, end], event_times)) AS RawTimes,
    CAST(mapFromArrays(content_names, ids), 'Map(LowCardinality(String), Array(FixedString(16)))') AS Texts,
    arraySum(arrayMap(p -> length(p), arrayFlatten(pieces))) AS TextBytes,
    {{pieces: ids, pieces}} AS Pieces,
    Redactions,
    {{redaction_policy: id}} AS RedactionPolicy,
    {{fact_names: all}},
    if(arguments_digest != '', arguments_digest, {{arguments_digest: arguments_sent}}) AS ArgumentsDigest
FROM
(
    SELECT *, {{piece_ids: pieces}} AS ids
    FROM
    (
        SELECT
            *,
            arrayConcat(arrayFilter((k, b) -> b, keys, content), arrayFilter((n, t) -> t != '', {{fact_content_names: all}}, told)) AS content_names,
            {{cut: arrayConcat(arrayFilter((t, b) -> b, texts, content), arrayFilter(t -> t != '', told))}} AS pieces
        FROM
        (
            SELECT
                *,
                {{fact_columns: name, keys, texts, resource_attributes}},
                {{fact_contents: name, keys, texts, resource_attributes}} AS told,
                {{fact_arguments: sent}} AS arguments_sent
            FROM
            (
                SELECT *, {{fact_sorted: all}}
                FROM
                (
                    SELECT *, resource_attributes['service.name'] AS ServiceName, {{fact_found: keys, sent, texts}}
                    FROM
                    (
                        SELECT
                            *,
                            if(suspicious, arraySlice(all_texts, 1, resources), resource_sent) AS resource_texts,
                            if(suspicious, arraySlice(all_texts, resources + 1, scopes), scope_sent) AS scope_texts,
                            if(suspicious, arraySlice(all_texts, resources + scopes + 1, attributes), sent) AS texts,
                            if(suspicious, all_texts[resources + scopes + attributes + 1], span_name) AS name,
                            if(suspicious, all_texts[resources + scopes + attributes + 2], status_message) AS StatusMessage,
                            if(suspicious, arraySlice(all_texts, resources + scopes + attributes + 3, events), event_names_sent) AS event_names,
                            if(suspicious, {{slices: event_keys, all_texts, resources + scopes + attributes + 2 + events}}, event_sent) AS event_texts,
                            if(suspicious, {{slices: link_keys, all_texts, resources + scopes + attributes + 2 + events + length(arrayFlatten(event_keys))}}, link_sent) AS link_texts,
                            {{map_of: resource_keys, resource_texts}} AS resource_attributes
                        FROM
                        (
                            SELECT
                                *,
                                {{fact_codes: keys}},
                                start >= 946684800000000000 AND start <= received_at + 86400000000000 AS start_ok,
                                end >= start AND end <= received_at + 86400000000000 AS end_ok,
                                length(resource_keys) AS resources,
                                length(scope_keys) AS scopes,
                                length(keys) AS attributes,
                                length(event_names_sent) AS events,
                                {{redacted: suspicious, org, all_keys, all_sent}} AS all_texts,
                                {{counted: suspicious, org, all_keys, all_sent}} AS Redactions
                            FROM
                            (
                                SELECT *, {{suspicious: org, all_keys, all_sent}} AS suspicious
                                FROM
                                (
                                    SELECT
                                        *,
                                        arrayConcat(resource_keys, scope_keys, keys, ['', ''], arrayMap(e -> '', event_names_sent), arrayFlatten(event_keys), arrayFlatten(link_keys)) AS all_keys,
                                        arrayConcat(resource_sent, scope_sent, sent, [span_name, status_message], event_names_sent, arrayFlatten(event_sent), arrayFlatten(link_sent)) AS all_sent
                                    FROM
                                    (
                                        WITH
                                            arrayJoin(resource_spans) AS rs,
                                            arrayJoin(rs.scope_spans) AS ss,
                                            arrayJoin(ss.spans) AS s
                                        SELECT
                                            redaction_key, digest_key,
                                            batch_id AS BatchId,
                                            rs.stamp.org AS org,
                                            rs.stamp.identity AS Identity,
                                            rs.stamp.method AS IdentityMethod,
                                            rs.stamp.request_id AS RequestId,
                                            least(rs.stamp.received_at, 9223372036854775807) AS received_at,
                                            rs.schema_url AS ResourceSchemaUrl,
                                            rs.resource.attributes.key AS resource_keys,
                                            {{texts: rs.resource.attributes}} AS resource_sent,
                                            {{kinds_of: rs.resource.attributes}} AS resource_kinds_sent,
                                            ss.schema_url AS ScopeSchemaUrl,
                                            ss.scope.name AS ScopeName,
                                            ss.scope.version AS ScopeVersion,
                                            ss.scope.attributes.key AS scope_keys,
                                            {{texts: ss.scope.attributes}} AS scope_sent,
                                            {{kinds_of: ss.scope.attributes}} AS scope_kinds_sent,
                                            lower(hex(s.trace_id)) AS TraceId,
                                            lower(hex(s.span_id)) AS SpanId,
                                            lower(hex(s.parent_span_id)) AS ParentSpanId,
                                            s.trace_state AS TraceState,
                                            s.name AS span_name,
                                            if(s.kind BETWEEN 0 AND 5, ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'][s.kind + 1], toString(s.kind)) AS SpanKind,
                                            s.start_time_unix_nano AS start,
                                            s.end_time_unix_nano AS end,
                                            if(s.status.code BETWEEN 0 AND 2, ['Unset', 'Ok', 'Error'][s.status.code + 1], toString(s.status.code)) AS StatusCode,
                                            s.status.message AS status_message,
                                            s.flags AS Flags,
                                            s.attributes.key AS keys,
                                            {{texts: s.attributes}} AS sent,
                                            {{kinds_of: s.attributes}} AS kinds_sent,
                                            s.arguments_digest AS arguments_digest,
                                            s.events.time_unix_nano AS event_times,
                                            s.events.name AS event_names_sent,
                                            s.events.attributes.key AS event_keys,
                                            arrayMap(e -> {{texts: e}}, s.events.attributes) AS event_sent,
                                            arrayMap(e -> {{kinds_of: e}}, s.events.attributes) AS event_kinds_sent,
                                            s.events.dropped_attributes_count AS event_dropped,
                                            s.links.trace_id AS link_traces,
                                            s.links.span_id AS link_spans,
                                            s.links.trace_state AS link_states,
                                            s.links.flags AS LinkFlags,
                                            s.links.attributes.key AS link_keys,
                                            arrayMap(l -> {{texts: l}}, s.links.attributes) AS link_sent,
                                            arrayMap(l -> {{kinds_of: l}}, s.links.attributes) AS link_kinds_sent,
                                            s.links.dropped_attributes_count AS link_dropped,
                                            [rs.resource.dropped_attributes_count, ss.scope.dropped_attributes_count, s.dropped_attributes_count, s.dropped_events_count, s.dropped_links_count] AS dropped
                                        FROM raw_traces
                                    )
                                )
                            )
                        )
                    )
                )
            )
        )
    )
)
