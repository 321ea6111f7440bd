SELECT groupArray(Id)
        FROM contents
        WHERE Org = {org:String}
            AND Day >= toDate(fromUnixTimestamp64Nano({since:Int64})) AND Day <= toDate(fromUnixTimestamp64Nano({until:Int64} - 1))
            AND {{search_matches}}
