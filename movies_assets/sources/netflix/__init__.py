"""Load Netflix's files."""
