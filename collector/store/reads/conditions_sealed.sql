-- service
has(Services, {service:String})
-- agent
has(Agents, {agent:String})
-- registered: of telemetry that is a registered agent's
hasAny(AgentKeys, {registered:Array(UInt64)})
-- model
has(Models, {model:String})
-- tool
has(Tools, {tool:String})
-- failed
Errors > 0
-- requester
Requester = {requester:String}
-- release
has(Releases, {release:String})
-- conversation
has(Conversations, {conversation:String})
-- environment
Environment = {environment:String}
-- min_duration
Duration >= {min_duration:UInt64}
-- max_duration
Duration <= {max_duration:UInt64}
-- min_cost
Cost >= {min_cost:Decimal(38, 24)}
-- max_cost
Cost <= {max_cost:Decimal(38, 24)}
-- text
TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE Org = {org:String} AND positionCaseInsensitiveUTF8(SpanName, {text:String}) > 0 AND {{spans_of_window}})
-- attribute
TraceId IN (
        SELECT TraceId FROM otel_traces
        WHERE Org = {org:String} AND ({{attribute_is}}) AND {{spans_of_window}})
-- settled: no row came since the trace was sealed
TraceId NOT IN ({{waiting}})
-- settled_or_before: or it began before all that waits
(Start < fromUnixTimestamp64Nano({came:Int64}) OR TraceId NOT IN ({{waiting}}))
