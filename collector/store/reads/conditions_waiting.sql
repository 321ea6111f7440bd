-- Of spans: each holds for a trace if any of its spans matches.
-- service
TraceId IN (SELECT TraceId FROM otel_traces WHERE ServiceName = {service:String} AND {{spans_since}})
-- agent
TraceId IN (SELECT TraceId FROM otel_traces WHERE AgentName = {agent:String} AND {{spans_since}})
-- registered
TraceId IN (SELECT TraceId FROM otel_traces WHERE {{agent_key}} IN (SELECT arrayJoin({registered:Array(UInt64)})) AND {{spans_since}})
-- model
TraceId IN (SELECT TraceId FROM otel_traces WHERE Model = {model:String} AND {{spans_since}})
-- tool
TraceId IN (SELECT TraceId FROM otel_traces WHERE ToolName = {tool:String} AND {{spans_since}})
-- failed
TraceId IN (SELECT TraceId FROM otel_traces WHERE StatusCode = 'Error' AND {{spans_since}})
-- requester
TraceId IN (SELECT TraceId FROM otel_traces WHERE Requester = {requester:String} AND {{spans_since}})
-- release
TraceId IN (SELECT TraceId FROM otel_traces WHERE ReleaseId = {release:String} AND {{spans_since}})
-- conversation
TraceId IN (SELECT TraceId FROM otel_traces WHERE ConversationId = {conversation:String} AND {{spans_since}})
-- environment
TraceId IN (SELECT TraceId FROM otel_traces WHERE Environment = {environment:String} AND {{spans_since}})
-- text
TraceId IN (SELECT TraceId FROM otel_traces WHERE positionCaseInsensitiveUTF8(SpanName, {text:String}) > 0 AND {{spans_since}})
-- attribute
TraceId IN (SELECT TraceId FROM otel_traces WHERE ({{attribute_is}}) AND {{spans_since}})
