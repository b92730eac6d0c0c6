"""The YTS API."""
