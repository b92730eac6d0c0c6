"""Check factories: contract, references, conservation, volume, freshness."""
