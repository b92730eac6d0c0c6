"""Finding and erasing personal data."""
