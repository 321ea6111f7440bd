-- Tool calls that approvals of a trace are about: named by the call's id, or by the approval's own. Each span once.
SELECT
    SpanId AS span_id,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    ToolName AS tool,
    ToolCallId AS tool_call_id,
    SpanAttributes['muster.approval.id'] AS approval_id,
    ArgumentsDigest AS arguments_digest,
    StatusCode = 'Error' AS failed
FROM otel_traces
WHERE {{in_trace}} AND (Operation = 'execute_tool' OR (Operation = '' AND ToolName != ''))
ORDER BY Timestamp, SpanId, ReceivedAt, RequestId
LIMIT 1 BY SpanId
LIMIT {limit:UInt32}
