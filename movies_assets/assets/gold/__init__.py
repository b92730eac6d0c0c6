"""Gold: facts, dimensions and junctions for readers. Pure functions from Ibis tables to Ibis tables."""
