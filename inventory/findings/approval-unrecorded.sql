-- title: An approval is known from the agent alone
-- severity: medium
-- controls: AU-10, AU-12
-- remedy: Let the agent ask through Muster (inventory.client.gate): then who approved is authenticated, and on record.
-- why: An agent that reports its own approvals can report any.
SELECT
    Service AS Key, Service AS Agent, TraceId, SpanId, At,
    map('approval', ApprovalId, 'decision', Decision, 'approver', Approver) AS Details
FROM claims
WHERE NOT OnRecord AND Decision IN ('approved', 'modified', 'allow', 'allowed')
