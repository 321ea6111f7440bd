-- Who says to be the agent that a span belongs to: a hash of service, agent id, agent name and verified identity of the span that names
-- the agent. Which registered agent that is stands in agent_resolutions, and may change without any seal.
ALTER TABLE sealed ADD COLUMN IF NOT EXISTS AgentKey UInt64
