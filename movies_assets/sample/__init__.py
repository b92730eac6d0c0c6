"""The embedded default source: a fictional catalogue, and servers that speak the real protocols."""
