-- of_agent
AgentName = {of_agent:String}
-- of_service
ServiceName = {of_service:String}
-- of_operation
Operation = {of_operation:String}
-- of_model
Model = {of_model:String}
