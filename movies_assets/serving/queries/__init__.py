"""Queries that the report and the dashboard share."""
