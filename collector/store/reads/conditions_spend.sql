-- only_agent
Agent = {only_agent:String}
-- only_root_agent
RootAgent = {only_root_agent:String}
-- only_service
ServiceName = {only_service:String}
-- only_environment
Environment = {only_environment:String}
-- only_workflow
WorkflowName = {only_workflow:String}
-- only_release
ReleaseId = {only_release:String}
-- only_provider
Provider = {only_provider:String}
-- only_model
Model = {only_model:String}
