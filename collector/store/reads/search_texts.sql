-- Texts of these days that match, no more of them than tell whether they are few.
SELECT toUInt32(Day) AS day, Id AS id
FROM contents
WHERE Org = {org:String} AND Day >= toDate({low:UInt32}) AND Day <= toDate({high:UInt32})
    AND {{search_matches}}
LIMIT {most:UInt32}
