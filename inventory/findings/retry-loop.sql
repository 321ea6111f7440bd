-- title: An agent tries the same thing again and again
-- severity: medium
-- controls: SI-10, IR-4
-- remedy: Bound the retries and let them back off; hand over to a person when they are used up.
-- why: The same tool was called five times or more with the same arguments, or failed five times, in one trace.
SELECT
    concat(Who, '/', Tool) AS Key, Who AS Agent, TraceId, argMax(SpanId, At) AS SpanId, max(c.At) AS At,
    map('tool', Tool, 'same calls', toString(max(Same)), 'failed', toString(sum(Failures))) AS Details
FROM
(
    SELECT firstNonDefault(Agent, Named) AS Who, TraceId, Tool, Digest, count() AS Calls, if(Digest = '', 0, Calls) AS Same, countIf(Failed) AS Failures, argMax(SpanId, At) AS SpanId, max(calls.At) AS At
    FROM calls
    GROUP BY Who, TraceId, Tool, Digest
) AS c
GROUP BY Who, TraceId, Tool
HAVING max(Same) >= 5 OR sum(Failures) >= 5
