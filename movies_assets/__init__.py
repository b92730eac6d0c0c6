"""A movie data platform as Dagster software-defined assets on DuckDB."""

__version__ = "0.1.0"
