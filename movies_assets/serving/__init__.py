"""How published tables are given to other systems; nothing here knows of Dagster."""
