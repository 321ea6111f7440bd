-- What the requests hold by now.
ALTER TABLE raw_logs {{raw_alter: logs}}
