SELECT AgentKey AS key, toString(Agent) AS agent
FROM agent_resolutions FINAL
WHERE Org = {org:String}
