"""Find and erase personal data."""
