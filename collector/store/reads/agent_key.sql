sipHash64(ServiceName, AgentId, AgentName, Identity)
