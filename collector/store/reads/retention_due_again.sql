SELECT DISTINCT Org, TraceId
FROM retention_traces
WHERE Plan = {plan:String} AND (Content OR Metadata) AND LastDay <= {through:Date}
    AND (Org, TraceId) NOT IN (SELECT Org, TraceId FROM retention_traces WHERE Plan = {plan:String} AND Held)
