Timestamp >= fromUnixTimestamp64Nano({since:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({until:Int64}) + toIntervalNanosecond((
            SELECT max(Duration) FROM trace_summaries
            WHERE Org = {org:String} AND Start >= fromUnixTimestamp64Nano({since:Int64}) AND Start < fromUnixTimestamp64Nano({until:Int64})))
