-- The spans of a trace by start, every stored copy of them, with what makes a tree and no more.
SELECT
    {{tree_columns}},
    toUnixTimestamp64Nano(ReceivedAt) AS received_ns,
    RequestId AS request_id
FROM otel_traces
WHERE {{in_trace}}
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT {limit:UInt32}
