Org = {org:String} AND Sign = 1
    AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})
