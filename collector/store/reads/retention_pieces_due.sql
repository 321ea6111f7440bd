(Org, ServiceName, Id) NOT IN ({{kept}})
AND ((Org, ServiceName, Id) IN ({{going}}) OR ({{expired}}))
