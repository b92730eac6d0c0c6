"""Assets that publish the audited warehouse and export the published tables."""
