(Org, TraceId) NOT IN (SELECT Org, TraceId FROM retention_traces WHERE Plan = '{{plan}}' AND Held) AND {{org_unheld}}
