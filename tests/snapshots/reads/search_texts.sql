-- Texts of these days that match, no more of them than tell whether they are few.
SELECT toUInt32(Day) AS day, Id AS id
FROM contents
WHERE Org = {org:String} AND Day >= toDate({low:UInt32}) AND Day <= toDate({high:UInt32})
    AND (hasAllTokens(Content, {words:String}) OR ({words:String} != {words_escaped:String} AND hasAllTokens(Content, {words_escaped:String})))
            AND ({phrase:String} = '' OR positionCaseInsensitive(Content, {phrase:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_quoted:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_escaped:String}) > 0)
LIMIT {most:UInt32}
