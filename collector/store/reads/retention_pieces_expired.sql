(Org, ServiceName) IN (SELECT Org, ServiceName FROM retention_borders WHERE Plan = '{{plan}}' AND Table = 'contents' AND Border = {{border}})
