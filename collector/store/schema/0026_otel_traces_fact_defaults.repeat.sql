-- What facts.toml says of the columns, for rows inserted by column name.
ALTER TABLE otel_traces
    {{fact_alter: MODIFY COLUMN}}
