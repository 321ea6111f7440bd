-- title: Several agents use one key
-- severity: high
-- controls: AC-2, AC-6
-- of: agents
-- remedy: Issue each agent a token of its own, and revoke the shared one.
-- why: What one of them did can't be told from what another did, and none can be stopped alone.
SELECT
    Who AS Key, '' AS Agent, '' AS TraceId, '' AS SpanId, max(Last) AS At,
    map('identity', Who, 'agents', arrayStringConcat(arraySort(groupUniqArray(Owner)), ', ')) AS Details
FROM seen
WHERE How IN ('token', 'mtls', 'oidc') AND Who != '' AND Owner != ''
GROUP BY Who
HAVING uniqExact(Owner) > 1
