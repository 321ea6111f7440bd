-- What the registry said of an object from when until when, so that what telemetry shows can be held against what was true then.
-- Published by the inventory; published again it is the same row. ValidTo is 2200 while nothing else was said.
CREATE TABLE IF NOT EXISTS registry_versions
(
    Org LowCardinality(String),
    Kind LowCardinality(String),
    Id String,
    Revision UInt64,
    ValidFrom DateTime64(6),
    ValidTo DateTime64(6),
    Gone UInt8,
    Document String CODEC(ZSTD(3)),
    PublishedAt DateTime64(6)
)
ENGINE = ReplacingMergeTree(PublishedAt)
ORDER BY (Org, Kind, Id, Revision)
SETTINGS {{durable: merge_tree}}
