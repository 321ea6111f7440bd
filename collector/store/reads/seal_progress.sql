-- How far sealing is, or no row.
SELECT toUnixTimestamp64Milli(Through) AS through_ms FROM sealing_progress ORDER BY At DESC LIMIT 1
