-- Which traces have been kept long enough. A trace is as old as the last that happened in it or came of it, and is kept as long as
-- the longest of its participants' periods says. Spans that name no agent go with the agents that their service has in the trace.
WITH
    touched AS (SELECT DISTINCT TraceId FROM otel_traces WHERE toDate(Timestamp) IN {days:Array(Date)}),
    borders AS
    (
        SELECT Org, ServiceName, AgentName, Environment, minIf(Border, Class = 'content') AS content, minIf(Border, Class = 'metadata') AS metadata
        FROM retention_borders
        WHERE Plan = {plan:String} AND Table = 'otel_traces'
        GROUP BY Org, ServiceName, AgentName, Environment
    )
SELECT org, trace_id, last_day, at < content_border AS content, at < metadata_border AS metadata
FROM
(
    SELECT
        org, trace_id,
        max(last) AS at,
        max(received) AS last_received,
        groupUniqArrayArray(on_days) AS days,
        arrayMax(days) AS last_day,
        min(content_of_service) AS content_border,
        min(metadata_of_service) AS metadata_border
    FROM
    (
        SELECT
            s.Org AS org,
            s.TraceId AS trace_id,
            s.ServiceName AS service,
            toUnixTimestamp64Nano(max(greatest(s.Timestamp, s.ReceivedAt))) AS last,
            toUnixTimestamp64Nano(max(s.ReceivedAt)) AS received,
            groupUniqArray(toDate(s.Timestamp)) AS on_days,
            if(countIf(s.AgentName != '') > 0, minIf(b.content, s.AgentName != ''), min(b.content)) AS content_of_service,
            if(countIf(s.AgentName != '') > 0, minIf(b.metadata, s.AgentName != ''), min(b.metadata)) AS metadata_of_service
        FROM otel_traces AS s
        LEFT JOIN borders AS b ON b.Org = s.Org AND b.ServiceName = s.ServiceName AND b.AgentName = s.AgentName AND b.Environment = s.Environment
        WHERE s.TraceId IN touched AND s.Timestamp < {until:DateTime64(9)}
        GROUP BY org, trace_id, service
    )
    GROUP BY org, trace_id
)
WHERE (at < content_border OR at < metadata_border)
    AND last_received < {quiet:Int64}
    AND NOT hasAny(days, {busy:Array(Date)})
    AND (org, trace_id) NOT IN (SELECT Org, TraceId FROM otel_traces WHERE Timestamp >= {until:DateTime64(9)} AND TraceId IN touched)
    AND (org, trace_id) NOT IN (SELECT Org, TraceId FROM arrivals WHERE NOT Sealed AND LandedAt > {landed:DateTime64(3)})
