"""Load the streaming service's catalogue, users and watch events."""
