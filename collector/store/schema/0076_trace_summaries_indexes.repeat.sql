-- Nothing asks by when a trace was sealed.
ALTER TABLE trace_summaries DROP INDEX IF EXISTS idx_sealed
