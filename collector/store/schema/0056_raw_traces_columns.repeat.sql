-- What the requests hold by now.
ALTER TABLE raw_traces {{raw_alter: traces}}
