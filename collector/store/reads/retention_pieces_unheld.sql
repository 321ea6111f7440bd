(Org, ServiceName, Id) NOT IN ({{held}}) AND {{org_unheld}}
