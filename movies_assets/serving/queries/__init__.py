"""Hold the queries that the report and the dashboard share."""
