-- One row is one batch: concatenated export requests, parsed by the engine. Nothing is kept here.
CREATE TABLE IF NOT EXISTS raw_traces ({{raw_columns: traces}}) ENGINE = Null
