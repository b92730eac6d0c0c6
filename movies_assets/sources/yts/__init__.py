"""Load movies from the YTS API."""
