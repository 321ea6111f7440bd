SELECT
    _partition_id AS partition,
    {{org}} AS org,
    countIf({{unheld}}) AS rows,
    sumIf({{bytes}}, {{unheld}}) AS bytes,
    countIf(NOT ({{unheld}})) AS held
FROM {{table}}
WHERE {{partitions}} AND ({{due}})
GROUP BY partition, org
