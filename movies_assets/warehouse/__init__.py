"""Persistence: the DuckDB warehouse, its transactions and its quarantine."""
