-- Approval decisions as agents report them, from span events and log events named muster.approval.
-- They are claims: the record of an approval is the inventory's.
CREATE TABLE IF NOT EXISTS approvals
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Org LowCardinality(String),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ServiceName LowCardinality(String),
    Source LowCardinality(String),
    ApprovalId String DEFAULT Attributes['muster.approval.id'] CODEC(ZSTD(1)),
    Decision LowCardinality(String) DEFAULT Attributes['muster.approval.decision'],
    Approver String DEFAULT Attributes['muster.approval.approver'] CODEC(ZSTD(1)),
    PolicyId LowCardinality(String) DEFAULT Attributes['muster.approval.policy.id'],
    PolicyVersion LowCardinality(String) DEFAULT Attributes['muster.approval.policy.version'],
    Verdict LowCardinality(String) DEFAULT Attributes['muster.approval.verdict'],
    Enforced LowCardinality(String) DEFAULT Attributes['muster.approval.enforced'],
    ArgumentsDigest String DEFAULT Attributes['muster.approval.arguments.digest'] CODEC(ZSTD(1)),
    ShownDigest String DEFAULT Attributes['muster.approval.shown.digest'] CODEC(ZSTD(1)),
    RequestedAt String DEFAULT Attributes['muster.approval.requested_at'] CODEC(ZSTD(1)),
    DecidedAt String DEFAULT Attributes['muster.approval.decided_at'] CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Identity LowCardinality(String),
    IdentityMethod LowCardinality(String),
    ReceivedAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    RequestId String CODEC(ZSTD(1)),
    BatchId LowCardinality(String),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_batch_id BatchId TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (Org, ServiceName, Timestamp)
SETTINGS {{durable: merge_tree}}
