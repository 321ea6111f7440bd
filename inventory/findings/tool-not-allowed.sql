-- title: An agent called a tool that it may not call
-- severity: high
-- controls: AC-6, CM-8
-- remedy: Take the tool from the agent, or add it to its allowed tools if it needs it.
-- why: The registry's entry, as it was then, doesn't name this tool.
SELECT
    concat(Agent, '/', Tool) AS Key, Agent, TraceId, SpanId, At, map('tool', Tool) AS Details
FROM calls
WHERE Agent != '' AND (notEmpty(ReadTools) OR notEmpty(WriteTools)) AND NOT has(ReadTools, Tool) AND NOT has(WriteTools, Tool)
