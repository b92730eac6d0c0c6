"""Asset checks: what is asked about the rows of a table."""
