"""Serve the published snapshot to other systems: one module for each kind of reader."""
