-- What traces that began in each slot of time did, by whom and by what. Slots are of equal length, from 0 on. Who: the registered
-- agent, or the name that telemetry gives; subjects: none, or those that are asked for (kind:subject).
WITH CAST(map(), 'Map(UInt16, Int64)') AS none
SELECT * EXCEPT (durations, counts)
FROM
(
    SELECT
        subject.1 AS kind, subject.2 AS name, subject.3 AS within, slot,
        max(subject.4) AS is_registered,
        sum(subject.5) AS events,
        sum(subject.6) AS failed,
        sum(Calls) AS calls,
        sum(Unpriced) AS unpriced,
        sum(InputTokens) AS input_tokens,
        sum(OutputTokens) AS output_tokens,
        sum(Cost) AS cost,
        sumMap(subject.7) AS durations,
        arrayCumSum(mapValues(durations)) AS counts,
        if(empty(counts), NULL, exp2((mapKeys(durations)[arrayFirstIndex(c -> c >= 0.95 * counts[-1], counts)] + 0.5) / 8)) AS p95_ns
    FROM
    (
        SELECT
            slot, Calls, Unpriced, InputTokens, OutputTokens, Cost,
            arrayJoin([
                ('all', '', '', 0, Traces, FailedTraces, TraceDurations),
                ('workflow', RootAgent, '', 0, Traces, FailedTraces, TraceDurations),
                ('agent', who, '', named != '', if(Kind = 'agent', Spans, 0), if(Kind = 'agent', Errors, 0), if(Kind = 'agent', Durations, none)),
                ('release', ReleaseId, who, named != '', if(Kind = 'agent', Spans, 0), if(Kind = 'agent', Errors, 0), if(Kind = 'agent', Durations, none)),
                ('model', Model, '', 0, if(Kind = 'model', Spans, 0), if(Kind = 'model', Errors, 0), if(Kind = 'model', Durations, none)),
                ('tool', ToolName, '', 0, if(Kind = 'tool', Spans, 0), if(Kind = 'tool', Errors, 0), if(Kind = 'tool', Durations, none))
            ]) AS subject
        FROM
        (
            SELECT m.*, toString(r.Agent) AS named, if(named != '', named, m.Agent) AS who
            FROM
            (
                SELECT
                    toUInt32(intDiv(toUnixTimestamp(Minute) - {since:Int64}, {length:UInt32})) AS slot,
                    Kind, toString(RootAgent) AS RootAgent, toString(Agent) AS Agent, AgentKey, toString(ReleaseId) AS ReleaseId,
                    -- Failed calls say which model was asked for, others which dated one answered.
                    replaceRegexpOne(toString(Model), '[-@]?20[0-9]{2}-?[01][0-9]-?[0-3][0-9]$', '') AS Model, toString(ToolName) AS ToolName,
                    sum(Spans) AS Spans, sum(Errors) AS Errors, sum(Traces) AS Traces, sum(FailedTraces) AS FailedTraces,
                    if(Kind = 'model', Spans, 0) AS Calls, sum(Unpriced) AS Unpriced, sum(InputTokens) AS InputTokens,
                    sum(OutputTokens) AS OutputTokens, sum(Cost) AS Cost,
                    sumMap(Durations) AS Durations, sumMap(TraceDurations) AS TraceDurations
                FROM sealed_minute
                WHERE Org = {org:String} AND {{minutes_of_window}}
                    AND ({workflow:String} = '' OR RootAgent = {workflow:String})
                GROUP BY slot, Kind, RootAgent, Agent, AgentKey, ReleaseId, Model, ToolName
            ) AS m
            -- A join, since a map is searched from its beginning for every row.
            LEFT JOIN (SELECT AgentKey, Agent FROM agent_resolutions FINAL WHERE Org = {org:String} AND Agent != '') AS r ON m.AgentKey = r.AgentKey
        )
        WHERE (subject.1 = 'all' OR subject.2 != '')
            AND (empty({subjects:Array(String)}) OR has({subjects:Array(String)}, concat(subject.1, ':', subject.2)))
    )
    GROUP BY kind, name, within, slot
    HAVING events != 0 OR calls != 0
)
ORDER BY kind, name, within, slot
