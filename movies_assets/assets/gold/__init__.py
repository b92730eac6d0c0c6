"""Gold: facts, dimensions and junctions for readers. Pure functions of Ibis tables."""
