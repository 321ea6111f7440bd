SELECT DISTINCT Id AS id FROM prices WHERE Id IN {ids:Array(String)}
