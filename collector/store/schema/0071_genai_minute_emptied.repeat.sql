-- It stays, empty, so that every statement can be run again.
TRUNCATE TABLE IF EXISTS genai_minute
