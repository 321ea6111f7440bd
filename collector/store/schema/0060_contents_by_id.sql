-- A look-up for whoever reads the tables in SQL: nothing of it is kept in memory.
CREATE DICTIONARY IF NOT EXISTS contents_by_id (Day Date, Org String, ServiceName String, Id String, Content String)
PRIMARY KEY Day, Org, ServiceName, Id
SOURCE(CLICKHOUSE(DB '$database' TABLE 'contents'))
LAYOUT(COMPLEX_KEY_DIRECT())
