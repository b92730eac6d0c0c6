"""Assets that publish the audited warehouse and export what is published."""
