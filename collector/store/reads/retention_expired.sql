{{at}} < {{border}} AND ({{whose}}) IN (SELECT {{columns}} FROM retention_borders WHERE Plan = '{{plan}}' AND Table = '{{table}}' AND Class = '{{class}}' AND Border = {{border}})
