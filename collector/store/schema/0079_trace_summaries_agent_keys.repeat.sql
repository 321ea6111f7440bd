ALTER TABLE trace_summaries
    ADD COLUMN IF NOT EXISTS AgentKeys Array(UInt64) CODEC(ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_agent_keys AgentKeys TYPE bloom_filter(0.01) GRANULARITY 1
