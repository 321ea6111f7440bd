-- What is known only after a span ended comes with another one, whose link names what was judged. Only an evaluator's links
-- mean that; any other span is judged itself. A judgement of a conversation is of no single trace.
-- OpenInference counts its results from 0, so whoever has one has that; a long explanation stands in the pieces.
CREATE MATERIALIZED VIEW IF NOT EXISTS evaluations_from_traces_mv TO evaluations AS
WITH
    Operation = 'evaluate' AND notEmpty(`Links.TraceId`) AS elsewhere,
    if(elsewhere, `Links.TraceId`[1], span.TraceId) AS judged_trace,
    if(elsewhere, `Links.SpanId`[1], span.SpanId) AS judged_span,
    arrayFilter(x -> x.2 = 'gen_ai.evaluation.result', arrayZip(`Events.Timestamp`, `Events.Name`, `Events.Attributes`)) AS events,
    mapConcat(SpanAttributes, mapApply((k, ids) -> (k, arrayStringConcat(arrayMap(i -> Pieces.2[indexOf(Pieces.1, i)], ids))), mapFilter((k, ids) -> position(k, 'annotation') != 0 OR position(k, 'evaluation') != 0, Texts))) AS attributes,
    arrayDistinct(arrayFilter(p -> p != '', arrayMap(k -> extract(k, '^(?:trace[.]|session[.])?(?:annotations[.][0-9]+[.]annotation|evaluations[.][0-9]+[.]evaluation)[.]'), mapKeys(attributes)))) AS prefixes,
    arrayConcat(
        arrayMap(x -> (x.1, 'span_event', 'opentelemetry', x.3), events),
        arrayMap(p -> (span.Timestamp, 'span', p, mapApply((k, v) -> (substring(k, length(p) + 1), v), mapFilter((k, v) -> startsWith(k, p), attributes))), prefixes)
    ) AS found,
    arrayJoin(found) AS e,
    e.2 = 'span_event' AS event,
    e.4 AS said,
    multiIf(startsWith(e.3, 'trace.'), 'trace', startsWith(e.3, 'session.'), 'conversation', 'span') AS target,
    toFloat64OrNull(if(event, said['gen_ai.evaluation.score.value'], said['score'])) AS score
SELECT
    e.1 AS Timestamp, Org,
    if(target = 'conversation', '', judged_trace) AS TraceId,
    if(target = 'span', judged_span, '') AS SpanId,
    ConversationId,
    firstNonDefault(said['gen_ai.response.id'], span.ResponseId) AS ResponseId,
    ServiceName,
    target AS Target,
    e.2 AS Source,
    if(event, 'opentelemetry', 'openinference') AS Convention,
    if(event, said['gen_ai.evaluation.name'], said['name']) AS Name,
    if(isFinite(score), score, NULL) AS Score,
    if(event, said['gen_ai.evaluation.score.label'], said['label']) AS Label,
    if(event, said['gen_ai.evaluation.explanation'], said['explanation']) AS Explanation,
    firstNonDefault(said['identifier'], if(Operation = 'evaluate', SpanName, '')) AS Evaluator,
    lower(said['annotator_kind']) AS EvaluatorKind,
    span.TraceId AS JudgeTraceId,
    span.SpanId AS JudgeSpanId,
    said['error.type'] AS ErrorType,
    mapFilter((k, v) -> k NOT IN ('explanation', 'gen_ai.evaluation.explanation'), said) AS Attributes,
    Identity, IdentityMethod, ReceivedAt, RequestId, BatchId
FROM spans AS span
WHERE has(`Events.Name`, 'gen_ai.evaluation.result') OR hasAny(mapKeys(SpanAttributes), ['annotations.0.annotation.name', 'evaluations.0.evaluation.name', 'trace.annotations.0.annotation.name', 'trace.evaluations.0.evaluation.name', 'session.annotations.0.annotation.name', 'session.evaluations.0.evaluation.name'])
