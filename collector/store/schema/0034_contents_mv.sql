CREATE MATERIALIZED VIEW IF NOT EXISTS contents_mv TO contents AS
SELECT toDate(Timestamp) AS Day, Org, ServiceName, piece.1 AS Id, any(piece.2) AS Content
FROM spans
ARRAY JOIN Pieces AS piece
GROUP BY Day, Org, ServiceName, Id
