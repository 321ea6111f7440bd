-- What the requests hold by now.
ALTER TABLE raw_metrics {{raw_alter: metrics}}
