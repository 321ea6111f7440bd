SELECT DISTINCT Org FROM retention_borders WHERE Plan = {plan:String}
