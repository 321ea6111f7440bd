-- Approvals on record, as they were last.
CREATE TEMPORARY TABLE records ENGINE = Memory AS
SELECT
    Id AS ApprovalId,
    JSONExtractString(Document, 'agent') AS Agent,
    JSONExtractString(Document, 'tool') AS Tool,
    JSONExtractString(Document, 'trace_id') AS TraceId,
    JSONExtractString(Document, 'tool_call_id') AS CallId,
    JSONExtractString(Document, 'state') AS State,
    JSONExtractString(Document, 'mode') AS Mode,
    JSONExtractString(Document, 'requester') AS Requester,
    JSONExtractString(Document, 'approver') AS Approver,
    JSONExtractString(Document, 'decided_by') AS DecidedBy,
    JSONExtractBool(Document, 'override') AS Overridden,
    JSONExtractString(Document, 'allowed_digest') AS AllowedDigest,
    parseDateTime64BestEffortOrNull(JSONExtractString(Document, 'decided_at'), 6, 'UTC') AS DecidedAt,
    parseDateTime64BestEffortOrNull(JSONExtractString(Document, 'expires_at'), 6, 'UTC') AS ExpiresAt,
    parseDateTime64BestEffortOrNull(JSONExtractString(Document, 'good_until'), 6, 'UTC') AS GoodUntil
FROM (
    SELECT Id, argMax(Document, Revision) AS Document
    FROM registry_versions
    WHERE Org = {org:String} AND Kind = 'approval'
    GROUP BY Id
)
