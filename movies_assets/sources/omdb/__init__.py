"""The OMDb API."""
