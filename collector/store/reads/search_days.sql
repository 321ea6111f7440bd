-- On which days there are texts that match, and how many.
SELECT toUInt32(Day) AS day, count() AS hits
FROM contents
WHERE Org = {org:String} AND Day >= toDate({low:UInt32}) AND Day <= toDate({high:UInt32})
    AND {{search_matches}}
GROUP BY day
ORDER BY day DESC
