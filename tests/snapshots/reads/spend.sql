-- Calls, tokens and money by whatever is asked for: a name that isn't is empty in every row.
SELECT
    toInt64(toUnixTimestamp(multiIf({bucket:String} = 'hour', Hour, {bucket:String} = 'day', toStartOfDay(Hour, 'UTC'), toDateTime({since:Int64})))) * 1000000000 AS start_ns,
    if({by_agent:Bool}, toString(Agent), '') AS agent,
    if({by_root_agent:Bool}, toString(RootAgent), '') AS root_agent,
    if({by_service:Bool}, toString(ServiceName), '') AS service,
    if({by_environment:Bool}, toString(Environment), '') AS environment,
    if({by_workflow:Bool}, toString(WorkflowName), '') AS workflow,
    if({by_release:Bool}, toString(ReleaseId), '') AS release,
    if({by_provider:Bool}, toString(Provider), '') AS provider,
    if({by_model:Bool}, toString(Model), '') AS model,
    sum(Calls) AS calls,
    sum(Unpriced) AS unpriced,
    sum(TokensUnknown) AS tokens_unknown,
    sum(TierUnknown) AS tier_unknown,
    sum(Cost) AS cost,
    sum(InputTokens) AS input_tokens,
    sum(OutputTokens) AS output_tokens,
    sum(CacheReadTokens) AS cache_read_tokens,
    sum(CacheWriteTokens) AS cache_write_tokens,
    sum(ReasoningTokens) AS reasoning_tokens
FROM spend_hour
WHERE Org = {org:String} AND Hour >= toDateTime({since:Int64}) AND Hour < toDateTime({until:Int64})
    AND Agent = {only_agent:String}
    AND RootAgent = {only_root_agent:String}
    AND ServiceName = {only_service:String}
    AND Environment = {only_environment:String}
    AND WorkflowName = {only_workflow:String}
    AND ReleaseId = {only_release:String}
    AND Provider = {only_provider:String}
    AND Model = {only_model:String}
GROUP BY start_ns, agent, root_agent, service, environment, workflow, release, provider, model
HAVING calls != 0
ORDER BY start_ns, cost DESC, calls DESC, agent, root_agent, service, environment, workflow, release, provider, model
