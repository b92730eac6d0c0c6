"""The asset of the report on the published tables, which `serving.report` writes."""

import dagster as dg

from movies_assets.orchestration.assets import OWNERS
from movies_assets.orchestration.partitions import BACKFILL
from movies_assets.orchestration.publishing.published import GROUP
from movies_assets.orchestration.publishing.published import KEY as PUBLISHED
from movies_assets.orchestration.retries import retrying
from movies_assets.settings import Settings
from movies_assets.warehouse.published import Published

KEY = dg.AssetKey(["serving", "report"])


def report_asset(settings: Settings) -> dg.AssetsDefinition:
    """Build the asset of the report.

    Args:
        settings: where snapshots are published.
    """

    @dg.asset(
        key=KEY,
        group_name=GROUP,
        owners=OWNERS,
        backfill_policy=BACKFILL,
        kinds={"html"},
        description="The key figures of the published snapshot as one HTML file next to it: no "
        "script, no network access, small enough for e-mail. It has no data of single users, and "
        "is deleted with its snapshot.",
        deps=[PUBLISHED],
    )
    @retrying(settings)
    def report() -> dg.MaterializeResult[None]:
        from movies_assets.serving.report import write_report  # noqa: PLC0415 (only runs need it)

        path = write_report(Published(settings.published_folder))
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(path)),
                "bytes": path.stat().st_size,
            }
        )

    return report
