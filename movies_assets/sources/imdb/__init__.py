"""IMDb's dumps."""
