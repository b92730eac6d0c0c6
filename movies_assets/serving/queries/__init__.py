"""Query the published tables, for the report and the dashboard."""
