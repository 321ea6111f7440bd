-- The rows of a kind of metric: what all kinds have, around $columns and $fields of its own.
SELECT
    resource_attributes AS ResourceAttributes,
    ResourceSchemaUrl,
    ScopeName,
    ScopeVersion,
    {{map_of: scope_keys, scope_texts}} AS ScopeAttributes,
    ScopeDroppedAttrCount,
    ScopeSchemaUrl,
    resource_attributes['service.name'] AS ServiceName,
    MetricName,
    MetricDescription,
    MetricUnit,
    {{map_of: keys, texts}} AS Attributes,
    fromUnixTimestamp64Nano(toInt64(least(start, 9223372036854775807))) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(if(time_ok, time, received_at))) AS TimeUnix,
    $columns
    Flags,
    arrayMap((k, t) -> {{map_of: k, t}}, exemplar_keys, exemplar_texts) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(least(t, 9223372036854775807))), exemplar_times) AS `Exemplars.TimeUnix`,
    arrayMap((k, d, i) -> if(k = 6, toFloat64(i), d), exemplar_value_kinds, exemplar_doubles, ExemplarIntValues) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), exemplar_spans) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), exemplar_traces) AS `Exemplars.TraceId`,
    org AS Org,
    Identity,
    IdentityMethod,
    fromUnixTimestamp64Nano(toInt64(received_at)) AS ReceivedAt,
    RequestId,
    BatchId,
    {{kind_map_of: keys, {{kinds_after: sent, texts, kinds_sent}}}} AS AttributeKinds,
    {{kind_map_of: resource_keys, {{kinds_after: resource_sent, resource_texts, resource_kinds_sent}}}} AS ResourceAttributeKinds,
    {{kind_map_of: scope_keys, {{kinds_after: scope_sent, scope_texts, scope_kinds_sent}}}} AS ScopeAttributeKinds,
    ResourceDroppedAttrCount,
    {{map_of: metadata_keys, metadata_texts}} AS Metadata,
    {{kind_map_of: metadata_keys, {{kinds_after: metadata_sent, metadata_texts, metadata_kinds_sent}}}} AS MetadataKinds,
    arrayMap((k, n) -> {{kind_map_of: k, n}}, exemplar_keys, {{kinds_after_each: exemplar_sent, exemplar_texts, exemplar_kinds_sent}}) AS ExemplarAttributeKinds,
    arrayMap(k -> if(k = 3, 4, k), exemplar_value_kinds) AS ExemplarValueKinds,
    ExemplarIntValues,
    if(time_ok AND start <= 9223372036854775807 AND NOT arrayExists(t -> t > 9223372036854775807, exemplar_times), [], arrayConcat([start, time], exemplar_times)) AS RawTimes,
    Redactions,
    {{redaction_policy: id}} AS RedactionPolicy
FROM
(
    SELECT
        *,
        if(suspicious, arraySlice(all_texts, 1, resources), resource_sent) AS resource_texts,
        if(suspicious, arraySlice(all_texts, resources + 1, scopes), scope_sent) AS scope_texts,
        if(suspicious, arraySlice(all_texts, resources + scopes + 1, metas), metadata_sent) AS metadata_texts,
        if(suspicious, arraySlice(all_texts, resources + scopes + metas + 1, attributes), sent) AS texts,
        if(suspicious, {{slices: exemplar_keys, all_texts, resources + scopes + metas + attributes}}, exemplar_sent) AS exemplar_texts,
        {{map_of: resource_keys, resource_texts}} AS resource_attributes
    FROM
    (
        SELECT
            *,
            time >= 946684800000000000 AND time <= received_at + 86400000000000 AS time_ok,
            length(resource_keys) AS resources,
            length(scope_keys) AS scopes,
            length(metadata_keys) AS metas,
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
                    arrayConcat(resource_keys, scope_keys, metadata_keys, keys, arrayFlatten(exemplar_keys)) AS all_keys,
                    arrayConcat(resource_sent, scope_sent, metadata_sent, sent, arrayFlatten(exemplar_sent)) AS all_sent
                FROM
                (
                    WITH
                        arrayJoin(resource_metrics) AS rm,
                        arrayJoin(rm.scope_metrics) AS sm,
                        arrayJoin(sm.metrics) AS metric,
                        arrayJoin(metric.$kind.data_points) AS p
                    SELECT
                        redaction_key, digest_key,
                        batch_id AS BatchId,
                        rm.stamp.org AS org,
                        rm.stamp.identity AS Identity,
                        rm.stamp.method AS IdentityMethod,
                        rm.stamp.request_id AS RequestId,
                        least(rm.stamp.received_at, 9223372036854775807) AS received_at,
                        rm.schema_url AS ResourceSchemaUrl,
                        rm.resource.dropped_attributes_count AS ResourceDroppedAttrCount,
                        rm.resource.attributes.key AS resource_keys,
                        {{texts: rm.resource.attributes}} AS resource_sent,
                        {{kinds_of: rm.resource.attributes}} AS resource_kinds_sent,
                        sm.schema_url AS ScopeSchemaUrl,
                        sm.scope.name AS ScopeName,
                        sm.scope.version AS ScopeVersion,
                        sm.scope.dropped_attributes_count AS ScopeDroppedAttrCount,
                        sm.scope.attributes.key AS scope_keys,
                        {{texts: sm.scope.attributes}} AS scope_sent,
                        {{kinds_of: sm.scope.attributes}} AS scope_kinds_sent,
                        metric.name AS MetricName,
                        metric.description AS MetricDescription,
                        metric.unit AS MetricUnit,
                        metric.metadata.key AS metadata_keys,
                        {{texts: metric.metadata}} AS metadata_sent,
                        {{kinds_of: metric.metadata}} AS metadata_kinds_sent,
                        $fields
                        p.time_unix_nano AS time,
                        p.start_time_unix_nano AS start,
                        p.flags AS Flags,
                        p.attributes.key AS keys,
                        {{texts: p.attributes}} AS sent,
                        {{kinds_of: p.attributes}} AS kinds_sent,
                        p.exemplars.time_unix_nano AS exemplar_times,
                        p.exemplars.value AS exemplar_value_kinds,
                        p.exemplars.as_double AS exemplar_doubles,
                        p.exemplars.as_int AS ExemplarIntValues,
                        p.exemplars.span_id AS exemplar_spans,
                        p.exemplars.trace_id AS exemplar_traces,
                        p.exemplars.filtered_attributes.key AS exemplar_keys,
                        arrayMap(e -> {{texts: e}}, p.exemplars.filtered_attributes) AS exemplar_sent,
                        arrayMap(e -> {{kinds_of: e}}, p.exemplars.filtered_attributes) AS exemplar_kinds_sent
                    FROM raw_metrics
                )
            )
        )
    )
)
