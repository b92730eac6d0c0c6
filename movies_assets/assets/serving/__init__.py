"""Where results leave the warehouse: one module a kind of reader."""
