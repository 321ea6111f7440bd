-- Of what was sealed before. Once more changes nothing.
INSERT INTO longest_traces
SELECT toStartOfHour(toDateTime(Start)) AS Hour, Org, arrayJoin(if(empty(Services), [''], Services)) AS ServiceName, max(Duration) AS Longest
FROM trace_summaries
GROUP BY Hour, Org, ServiceName
