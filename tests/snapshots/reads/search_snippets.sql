-- What stands around the first place of the text looked for, or else a piece's beginning.
WITH
    lower(Content) AS content,
    if(position(content, lower({needle:String})) > 0, position(content, lower({needle:String})), position(content, lower({escaped:String}))) AS place,
    greatest(toInt64(lengthUTF8(substring(Content, 1, place))) - {around:Int64}, 1) AS first
SELECT Id AS id, substringUTF8(Content, first, 2 * {around:Int64}) AS snippet
FROM contents
WHERE Org = {org:String} AND Day IN {days:Array(Date)}
    AND Id IN (SELECT CAST(unhex(arrayJoin(splitByChar(',', {ids:String}))), 'FixedString(16)'))
LIMIT 1 BY Id
