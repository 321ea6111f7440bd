-- About how many spans started in a window (seconds), and how long the longest sealed trace of it took (ns).
SELECT
    ({{window_spans}}) AS spans,
    (
        SELECT toInt64(least(max(Longest), 9223372036854775807))
        FROM longest_traces
        WHERE Org = {org:String} AND Hour >= toStartOfHour(toDateTime({since:Int64})) AND Hour <= toDateTime({until:Int64})
    ) AS longest
