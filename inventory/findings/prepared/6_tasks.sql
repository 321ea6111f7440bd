-- What spans say of the task that they work on: the envelope, as a claim of the agent.
CREATE TEMPORARY TABLE tasks ENGINE = Memory AS
SELECT
    TraceId, SpanId, Timestamp AS At, TaskId, TaskBusinessKey AS BusinessKey, TaskToolBudget AS ToolBudget,
    TaskHopCount AS HopCount, TaskTtl AS Ttl, parseDateTime64BestEffortOrNull(TaskDeadline, 6, 'UTC') AS Deadline,
    JSONExtract(TaskAllowedActions, 'Array(String)') AS AllowedActions, toString(TaskSensitivity) AS Sensitivity,
    JSONExtract(SpanAttributes['muster.task.required_approvals'], 'Array(String)') AS RequiredApprovals,
    toString(ServiceName) AS Service
FROM otel_traces
WHERE Org = {org:String} AND Timestamp >= {{since}} AND Timestamp < {{till}}
    AND Operation IN ('invoke_agent', 'invoke_workflow', 'create_agent', '') AND ToolName = ''
    AND TaskId != '' AND TraceId IN (SELECT TraceId FROM runs)
ORDER BY TraceId, At
LIMIT 1 BY TraceId, SpanId
