"""Netflix's files."""
