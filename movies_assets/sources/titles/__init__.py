"""One title across all sources: names, links to IMDb, and what the sources say of a title."""
