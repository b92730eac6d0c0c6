"""Hold one module per page: its queries, data and components."""
