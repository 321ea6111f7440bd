-- operation_minute has taken the place of genai_minute.
DROP VIEW IF EXISTS genai_minute_mv
