SELECT DISTINCT {{columns}} FROM {{table}} WHERE toDate({{time}}) <= {latest:Date}
