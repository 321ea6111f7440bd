SELECT DISTINCT _partition_id FROM {{table}} WHERE toDate(Timestamp) <= {latest:Date} AND ({{text}})
