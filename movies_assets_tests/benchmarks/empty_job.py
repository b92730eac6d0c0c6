"""The yardstick: the same assets, partitions and checks as the project, with nothing in them.

What a run of this job costs is Dagster's own floor: process start, imports, events.
"""

import dagster as dg

from movies_assets.automation.jobs import YTS_ASSETS, YTS_DAILY
from movies_assets.definitions import build_defs
from movies_assets.settings import load


def _empty_asset(spec: dg.AssetSpec, policy: dg.BackfillPolicy | None) -> dg.AssetsDefinition:
    @dg.asset(
        key=spec.key,
        deps=spec.deps,
        partitions_def=spec.partitions_def,
        backfill_policy=policy,
        metadata=spec.metadata,
        group_name=spec.group_name,
    )
    def nothing() -> None: ...

    return nothing


def _empty_check(spec: dg.AssetCheckSpec) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=spec.asset_key,
        name=spec.name,
        blocking=spec.blocking,
    )
    def passes() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return passes


def _empty() -> dg.Definitions:
    settings = load()
    full = build_defs(settings)
    assets = [asset for asset in full.assets or () if isinstance(asset, dg.AssetsDefinition)]
    checks = [check for check in full.asset_checks or () if isinstance(check, dg.AssetsDefinition)]
    return dg.Definitions(
        assets=[_empty_asset(spec, a.backfill_policy) for a in assets for spec in a.specs],
        asset_checks=[_empty_check(spec) for check in checks for spec in check.check_specs],
        jobs=[dg.define_asset_job(YTS_DAILY, selection=YTS_ASSETS)],
        executor=dg.in_process_executor,
    )


defs = _empty()
