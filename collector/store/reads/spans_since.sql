Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
