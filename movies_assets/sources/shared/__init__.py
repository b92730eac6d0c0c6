"""Tables and functions that several sources share."""
