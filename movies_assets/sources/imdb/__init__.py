"""Load IMDb's dumps."""
