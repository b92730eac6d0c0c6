"""One module a page: its queries, what it loads, and what it shows."""
