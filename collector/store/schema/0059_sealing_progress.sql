-- How far sealing is: what landed before Through, and was seen by whoever seals, is sealed. The newest row counts.
CREATE TABLE IF NOT EXISTS sealing_progress
(
    Through DateTime64(3),
    At DateTime64(3) DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(At)
ORDER BY tuple()
SETTINGS {{durable: merge_tree}}
