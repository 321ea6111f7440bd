TraceId IN (SELECT TraceId FROM retention_traces WHERE Plan = '{{plan}}' AND LastDay <= '{{through}}' AND Metadata)
AND TraceId NOT IN (SELECT TraceId FROM otel_traces WHERE TraceId IN (SELECT TraceId FROM retention_traces WHERE Plan = '{{plan}}' AND Metadata) AND NOT ({{going}}))
