"""Bronze: what the sources sent, as received. The only layer that talks to the outside."""
