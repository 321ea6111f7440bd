-- How many traces wait to be sealed.
SELECT count() AS traces FROM ({{waiting}})
