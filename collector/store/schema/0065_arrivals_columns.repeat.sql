-- Start is that of the first of these spans. Sealed marks what is no arrival: the trace was sealed at LandedAt, with all rows of
-- it that could be read then. So one look at this table tells what waits.
ALTER TABLE arrivals
    ADD COLUMN IF NOT EXISTS Start DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Sealed Bool CODEC(ZSTD(1))
