(TraceId = '' OR (Org, TraceId) NOT IN (SELECT Org, TraceId FROM otel_traces WHERE TraceId IN (SELECT TraceId FROM {{table}} WHERE toDate({{time}}) <= '{{through}}' AND TraceId != '')))
