-- A price as it was when a call was first priced by it. Two collectors may have noted it: the first counts.
SELECT
    Source AS source,
    Provider AS provider,
    Model AS model,
    Content AS content,
    toUnixTimestamp64Nano(FirstUsed) AS first_used_ns,
    PriceBook AS price_book
FROM prices
WHERE Id = {id:String}
ORDER BY FirstUsed
LIMIT 1
