"""Load releases from the OMDb API."""
