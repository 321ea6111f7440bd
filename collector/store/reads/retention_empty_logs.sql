ALTER TABLE otel_logs
UPDATE
    Texts = {{named}},
    Body = if({{body}}, '', Body),
    LogAttributes = CAST(mapFilter((k, v) -> NOT ({{content}}), LogAttributes), 'Map(LowCardinality(String), String)')
IN PARTITION ID '{{partition}}'
WHERE ({{due}}) AND ({{unheld}})
SETTINGS mutations_sync = 2
