CREATE TABLE IF NOT EXISTS raw_metrics ({{raw_columns: metrics}}) ENGINE = Null
