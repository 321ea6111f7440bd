Minute >= toDateTime({since:Int64}) AND Minute < toDateTime({until:Int64})
    -- The table's key begins with this, and the engine doesn't conclude it.
    AND toStartOfHour(Minute) >= toStartOfHour(toDateTime({since:Int64})) AND toStartOfHour(Minute) <= toStartOfHour(toDateTime({until:Int64}))
