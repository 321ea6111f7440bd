-- Of the traces the rows that were received first.
{{seal_columns}}
ORDER BY ReceivedAt, RequestId, SpanId
LIMIT {first:UInt64}
SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1
