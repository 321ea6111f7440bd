SELECT DISTINCT Table, Class, Border FROM retention_borders WHERE Plan = {plan:String} AND Border != 0 ORDER BY Border
