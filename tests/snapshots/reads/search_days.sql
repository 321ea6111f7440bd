-- On which days there are texts that match, and how many.
SELECT toUInt32(Day) AS day, count() AS hits
FROM contents
WHERE Org = {org:String} AND Day >= toDate({low:UInt32}) AND Day <= toDate({high:UInt32})
    AND (hasAllTokens(Content, {words:String}) OR ({words:String} != {words_escaped:String} AND hasAllTokens(Content, {words_escaped:String})))
            AND ({phrase:String} = '' OR positionCaseInsensitive(Content, {phrase:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_quoted:String}) > 0
                OR positionCaseInsensitive(Content, {phrase_escaped:String}) > 0)
GROUP BY day
ORDER BY day DESC
