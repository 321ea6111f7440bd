-- Traces of one day whose texts match, by the newest span that refers to one.
WITH (
        {{search_hits}}
    ) AS hits
{{search_traces}}
