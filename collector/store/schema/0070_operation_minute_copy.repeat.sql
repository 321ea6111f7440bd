-- What genai_minute holds of a store of before. One token: what an interrupted run has copied isn't copied again.
INSERT INTO operation_minute
SELECT * FROM genai_minute
SETTINGS insert_deduplication_token = 'genai_minute', deduplicate_insert_select = 'force_enable', max_threads = 1, max_insert_threads = 1
