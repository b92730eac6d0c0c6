"""The streaming service's catalogue, users and watch events."""
