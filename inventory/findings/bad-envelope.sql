-- title: A task envelope isn't what it claims to be
-- severity: critical
-- controls: SI-10, AU-10
-- remedy: Find who changed the task on its way; register the issuer's public key if it is new, and revoke a key that others have.
-- why: Its signature, its key or its trace is wrong, or the span says otherwise than the envelope: somebody may have widened what the task allows.
SELECT
    concat(firstNonDefault(toString(Issuer), 'nobody'), '/', toString(Result)) AS Key, toString(Issuer) AS Agent, TraceId, SpanId, At,
    map('result', toString(Result), 'detail', Detail, 'key', toString(KeyId)) AS Details
FROM envelope_checks FINAL
WHERE Org = {org:String} AND Result != 'ok' AND TraceId IN (SELECT TraceId FROM runs)
