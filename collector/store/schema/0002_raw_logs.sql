CREATE TABLE IF NOT EXISTS raw_logs ({{raw_columns: logs}}) ENGINE = Null
