-- Which registered agent telemetry of a key is.
CREATE TEMPORARY TABLE owners ENGINE = Memory AS
SELECT AgentKey, toString(Agent) AS Agent FROM agent_resolutions FINAL WHERE Org = {org:String} AND Agent != ''
