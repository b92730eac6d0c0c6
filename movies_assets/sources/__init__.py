"""Clients for the outside world: typed rows, one file a source; nothing here imports Dagster."""
