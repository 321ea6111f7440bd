-- What was said leaves the row; that it was there, and its digest, stay in Texts.
ALTER TABLE otel_traces
UPDATE
    Texts = {{named}},
    {{columns_emptied}},
    SpanAttributes = CAST(mapFilter((k, v) -> NOT ({{content}}), SpanAttributes), 'Map(LowCardinality(String), String)'),
    `Events.Attributes` = arrayMap(m -> CAST(mapFilter((k, v) -> NOT ({{content}}), m), 'Map(LowCardinality(String), String)'), `Events.Attributes`)
IN PARTITION ID '{{partition}}'
WHERE ({{due}}) AND ({{unheld}})
SETTINGS mutations_sync = 2
