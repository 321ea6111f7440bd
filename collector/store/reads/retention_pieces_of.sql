SELECT Org, ServiceName, arrayJoin(arrayFlatten(mapValues(Texts))) FROM {{table}} WHERE toDate(Timestamp) = '{{day}}' AND ({{rows}})
