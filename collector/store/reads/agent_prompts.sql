-- What agents were told first, by the keys of their telemetry: the digest of their system instructions' pieces; or of the
-- first message that they were sent, if it was the same in two traces at least.
SELECT key, arraySort(groupUniqArray(prompt)) AS prompts
FROM
(
    SELECT
        {{agent_key}} AS key,
        lower(hex(SHA256(if(
            notEmpty(Texts['gen_ai.system_instructions']),
            arrayStringConcat(Texts['gen_ai.system_instructions']),
            Texts['gen_ai.input.messages'][1])))) AS prompt
    FROM otel_traces
    WHERE Org = {org:String} AND Timestamp >= fromUnixTimestamp64Nano({since:Int64})
        AND (notEmpty(Texts['gen_ai.system_instructions']) OR notEmpty(Texts['gen_ai.input.messages']))
    GROUP BY key, prompt
    HAVING uniqExact(TraceId) >= 2 OR max(notEmpty(Texts['gen_ai.system_instructions']))
)
GROUP BY key
