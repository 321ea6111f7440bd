-- Since when each release of an agent is approved.
CREATE TEMPORARY TABLE approved ENGINE = Memory AS
SELECT JSONExtractString(Document, 'agent') AS Agent, JSONExtractString(Document, 'id') AS Release, min(ValidFrom) AS Since
FROM registry_versions FINAL
WHERE Org = {org:String} AND Kind = 'release' AND NOT Gone AND JSONExtractString(Document, 'status') = 'approved'
GROUP BY Agent, Release
