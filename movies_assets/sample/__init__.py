"""Generate the embedded sample: a fictional catalogue, and servers with the real protocols."""
