"""Check factories: contract, completeness, references, conservation, volume, freshness."""
