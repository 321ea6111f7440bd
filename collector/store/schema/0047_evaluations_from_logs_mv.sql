-- A long explanation stands in the pieces.
CREATE MATERIALIZED VIEW IF NOT EXISTS evaluations_from_logs_mv TO evaluations AS
WITH toFloat64OrNull(LogAttributes['gen_ai.evaluation.score.value']) AS score
SELECT
    Timestamp, Org, TraceId, SpanId, ServiceName, 'log' AS Source, 'opentelemetry' AS Convention,
    firstNonDefault(LogAttributes['gen_ai.conversation.id'], LogAttributes['session.id']) AS ConversationId,
    LogAttributes['gen_ai.response.id'] AS ResponseId,
    LogAttributes['gen_ai.evaluation.name'] AS Name,
    if(isFinite(score), score, NULL) AS Score,
    LogAttributes['gen_ai.evaluation.score.label'] AS Label,
    firstNonDefault(LogAttributes['gen_ai.evaluation.explanation'], arrayStringConcat(arrayMap(i -> Pieces.2[indexOf(Pieces.1, i)], Texts['gen_ai.evaluation.explanation']))) AS Explanation,
    LogAttributes['error.type'] AS ErrorType,
    mapFilter((k, v) -> k != 'gen_ai.evaluation.explanation', LogAttributes) AS Attributes,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM logs
WHERE EventName = 'gen_ai.evaluation.result' OR LogAttributes['event.name'] = 'gen_ai.evaluation.result'
