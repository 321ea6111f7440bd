SELECT AgentKey AS key
FROM agent_resolutions FINAL
WHERE Org = {org:String} AND Agent = {agent:String}
ORDER BY AgentKey
LIMIT 100000
