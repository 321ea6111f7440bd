-- Every span as it becomes rows: what otel_traces has, and its content cut into pieces. Nothing is kept here.
CREATE TABLE IF NOT EXISTS spans AS otel_traces ENGINE = Null
