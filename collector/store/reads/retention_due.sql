(Org, TraceId) IN (SELECT Org, TraceId FROM retention_traces WHERE Plan = '{{plan}}' AND LastDay <= '{{through}}' AND {{which}}) AND {{received}} <= fromUnixTimestamp64Nano({{now}})
