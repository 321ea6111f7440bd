SELECT At, Plan, PolicyId, Org, Table, Partition, Day, Class, Rows, Bytes, Reason, Held
FROM retention_removals
WHERE Org = {org:String} AND Status = 'done' AND At >= now() - toIntervalDay({days:UInt32})
ORDER BY At DESC
LIMIT 10000
