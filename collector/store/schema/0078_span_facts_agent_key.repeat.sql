-- 0: sealed before there were keys.
ALTER TABLE span_facts ADD COLUMN IF NOT EXISTS AgentKey UInt64 CODEC(ZSTD(1))
