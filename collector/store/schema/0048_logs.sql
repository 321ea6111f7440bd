-- Every log record as it becomes rows: what otel_logs has, and its content cut into pieces. Nothing is kept here.
CREATE TABLE IF NOT EXISTS logs AS otel_logs ENGINE = Null
