-- Between which seconds the traces lie. Ids come as one text: the engine reads a long array of parameters slowly.
SELECT TraceId AS trace_id, toInt64(toUnixTimestamp(min(Start))) AS first, toInt64(toUnixTimestamp(max(End))) AS last
FROM otel_traces_trace_id_ts
WHERE TraceId IN (SELECT arrayJoin(splitByChar(',', {ids:String})))
GROUP BY TraceId
