-- title: An agent ran what nobody approved
-- severity: high
-- controls: CM-3, CM-6
-- remedy: Propose the release and have it approved, or roll back to one that is.
-- why: The release that it says it ran was not approved when it ran, or isn't known at all.
SELECT
    concat(f.Agent, '/', f.Release) AS Key, f.Agent AS Agent, f.TraceId AS TraceId, f.SpanId AS SpanId, f.At AS At,
    map('release', f.Release, 'known', if(r.Release = '', 'no', 'approved later')) AS Details
FROM (SELECT * FROM facts WHERE Agent != '' AND Release != '' AND NOT IsCall) AS f
LEFT ANY JOIN approved AS r ON r.Agent = f.Agent AND r.Release = f.Release
WHERE r.Release = '' OR f.At < r.Since
-- One for each trace: an agent at work in many spans is still one run.
ORDER BY f.At
LIMIT 1 BY f.Agent, f.Release, f.TraceId
