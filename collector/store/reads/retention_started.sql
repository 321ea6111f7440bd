SELECT Table, Partition, any(Day), Class, Org, max(Rows), max(Bytes), Reason, max(Held)
FROM retention_removals
WHERE Plan = {plan:String}
GROUP BY Table, Partition, Class, Org, Reason
HAVING countIf(Status = 'done') = 0
