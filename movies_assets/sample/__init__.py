"""The embedded default source: a deterministic fictional catalogue and servers that speak the real protocols."""
