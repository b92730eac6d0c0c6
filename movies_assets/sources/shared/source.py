"""Dimensions that several sources share."""

from movies_assets.core.source import Source, tables_of
from movies_assets.sources.shared import dimensions

SOURCE = Source(name="shared", title="Shared", tables=tables_of("shared", dimensions))
