-- The same for words that are in very many texts: only those are looked at that spans of a short time refer to.
WITH (
        {{search_hits}}
            AND Id IN (
                SELECT arrayJoin(arrayFlatten(mapValues(Texts)))
                FROM otel_traces
                WHERE Org = {org:String}
                    AND Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp < fromUnixTimestamp64Nano({until:Int64}))
    ) AS hits
{{search_traces}}
