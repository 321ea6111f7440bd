-- What was true then: the newest of the revisions that held.
SELECT
    Id AS id,
    Revision AS revision,
    toUnixTimestamp64Micro(ValidFrom) AS valid_from_us,
    toUnixTimestamp64Micro(ValidTo) AS valid_to_us,
    Gone AS gone,
    Document AS document
FROM registry_versions FINAL
WHERE Org = {org:String} AND Kind = {kind:String}
    AND ValidFrom <= fromUnixTimestamp64Micro({moment:Int64}) AND ValidTo > fromUnixTimestamp64Micro({moment:Int64})
ORDER BY Id, Revision DESC
LIMIT 1 BY Id
