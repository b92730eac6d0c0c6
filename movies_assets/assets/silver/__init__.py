"""Silver: bronze, typed and cleaned. Pure functions from Ibis tables to Ibis tables."""
