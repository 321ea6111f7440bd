-- What was found and stands, by finding and key: how often, since when, and the newest of it.
SELECT
    toString(Finding) AS finding,
    Key AS key,
    toString(argMax(Agent, At)) AS agent,
    count() AS hits,
    toUnixTimestamp64Nano(min(At)) AS first_ns,
    toUnixTimestamp64Nano(max(At)) AS last_ns,
    argMax(Details, At) AS details,
    arrayDistinct(arrayMap(x -> x.2, arrayReverseSort(groupArraySorted(5)((-toUnixTimestamp64Nano(At), TraceId))))) AS traces
FROM finding_hits FINAL
WHERE Org = {org:String} AND NOT Gone AND At >= fromUnixTimestamp64Nano({since:Int64})
GROUP BY Finding, Key
ORDER BY Finding, Key
LIMIT {limit:UInt32}
