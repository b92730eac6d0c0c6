"""Asset checks: questions about the rows of a table."""
