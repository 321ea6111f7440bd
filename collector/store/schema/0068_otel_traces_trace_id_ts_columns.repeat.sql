-- How many rows came in for a trace, and how many bytes of text: what was sealed is all there is where both say the same.
-- 0 for what came before this was counted, too high where retention has removed rows.
ALTER TABLE otel_traces_trace_id_ts
    ADD COLUMN IF NOT EXISTS Spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Bytes SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
