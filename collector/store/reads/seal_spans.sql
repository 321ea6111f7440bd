-- All rows of the traces.
{{seal_columns}}
SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1
