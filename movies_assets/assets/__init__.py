"""The tables: one folder a layer, one file a source, the same file name in every layer."""
