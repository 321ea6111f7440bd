SELECT toUnixTimestamp64Micro(toDateTime64(max(ReceivedAt), 6)) AS newest, count() AS rows FROM otel_traces WHERE ReceivedAt > toDateTime64('2000-01-01 00:00:00', 9)
