ALTER TABLE {{table}} DELETE IN PARTITION ID '{{partition}}' WHERE ({{due}}) AND ({{unheld}}) SETTINGS mutations_sync = 2
