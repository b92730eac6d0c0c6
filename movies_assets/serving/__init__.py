"""What other systems are given of the published snapshot: one module a kind of reader."""
