-- kind
Kind = {kind:String}
-- decision
Decision = {decision:String}
-- approver
Approver = {approver:String}
-- policy_id
PolicyId = {policy_id:String}
-- tool
ToolName = {tool:String}
-- service
ServiceName = {service:String}
-- convention
Convention = {convention:String}
-- arguments_digest
ArgumentsDigest = {arguments_digest:String}
