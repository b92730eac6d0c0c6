"""What a table, its contract and its partitions are."""
