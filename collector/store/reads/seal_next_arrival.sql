-- When something first came in since then, or no row.
SELECT toUnixTimestamp64Milli(LandedAt) AS landed_ms
FROM arrivals
WHERE NOT Sealed AND LandedAt >= fromUnixTimestamp64Milli({since:Int64})
ORDER BY LandedAt
LIMIT 1
