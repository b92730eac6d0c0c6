"""Read files of any packing, edition and state, with every byte accounted for."""
