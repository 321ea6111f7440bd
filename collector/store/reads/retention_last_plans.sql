SELECT Plan, argMax(PolicyId, At), toUnixTimestamp64Micro(argMax(Now, At)), argMax(Through, At), argMax(Status, At)
FROM retention_plans
GROUP BY Plan
ORDER BY max(At) DESC
LIMIT 100
