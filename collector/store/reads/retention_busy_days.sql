SELECT DISTINCT toDate(Timestamp) FROM {{table}} WHERE ReceivedAt > {quiet:DateTime64(9)}
