ALTER TABLE evaluations
UPDATE Explanation = ''
IN PARTITION ID '{{partition}}'
WHERE ({{due}}) AND ({{unheld}})
SETTINGS mutations_sync = 2
