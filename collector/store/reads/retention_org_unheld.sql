Org NOT IN (SELECT Org FROM retention_traces WHERE Plan = '{{plan}}' AND Held AND TraceId = '')
