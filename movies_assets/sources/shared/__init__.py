"""Share tables and functions among sources."""
