-- Pieces of texts by their ids, each cut at {limit:UInt64} characters. A piece may still lie in several parts.
-- Ids come as one text: the engine reads a long array of parameters slowly.
SELECT Day AS day, ServiceName AS service, Id AS id, leftUTF8(Content, {limit:UInt64}) AS text, lengthUTF8(Content) AS characters
FROM contents
WHERE Org = {org:String}
    AND Day IN {days:Array(Date)}
    AND ServiceName IN {services:Array(String)}
    AND Id IN (SELECT CAST(unhex(arrayJoin(splitByChar(',', {ids:String}))), 'FixedString(16)'))
LIMIT 1 BY Day, ServiceName, Id
