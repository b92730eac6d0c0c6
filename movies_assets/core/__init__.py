"""Tables, contracts, checks, partitions and sources; without Dagster and DuckDB."""
