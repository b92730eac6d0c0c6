"""Findings of checks as Dagster's results, and back: metadata, severity, verdict, ending."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from movies_assets.core.check import Check, Finding
from movies_assets.core.markdown import as_markdown
from movies_assets.core.table import Table
from movies_assets.core.verdicts import Verdict, verdict_of
from movies_assets.orchestration.assets import asset_key

# Metadata of a red check: the lines that end the log.
ENDING = "ending"


def result_of(check: Check, table: Table, found: Finding) -> dg.AssetCheckResult:
    """Return a finding as Dagster shows it; a green one shows zeros, a red one rows."""
    stops = check.blocking and found.verdict == "failed"
    ending = {ENDING: dg.MetadataValue.json([*found.ending])} if stops else {}
    return dg.AssetCheckResult(
        passed=found.passed,
        asset_key=asset_key(table.key),
        check_name=check.name,
        severity=dg.AssetCheckSeverity.WARN if found.is_warning else dg.AssetCheckSeverity.ERROR,
        description=found.description,
        metadata={
            "broken": sum(found.broken.values()),
            **{name: _shown(value) for name, value in found.metadata.items()},
            "rules": dg.MetadataValue.json(dict(found.broken)),
            **{name: _shown(rows) for name, rows in found.samples.items()},
            **ending,
        },
    )


def _shown(value: Any) -> Any:
    """Return figures and texts as they are, and rows as a table."""
    return (
        value if isinstance(value, str | int | float) else dg.MetadataValue.md(as_markdown(value))
    )


def evaluated(evaluation: dg.AssetCheckEvaluation) -> Verdict:
    """Return the verdict of an evaluation that Dagster has recorded."""
    is_warning = evaluation.severity == dg.AssetCheckSeverity.WARN
    return verdict_of(passed=evaluation.passed, is_warning=is_warning)


def ending_of(evaluation: dg.AssetCheckEvaluation) -> list[str]:
    """Return the lines that explain why a check has stopped its run; none where it has not.

    They name the check, its finding, up to three rows, and the fix.
    """
    if not evaluation.blocking or evaluated(evaluation) != "failed":
        return []
    found: Any = (
        evaluation.metadata[ENDING].value
        if ENDING in evaluation.metadata
        else [evaluation.description]
    )
    return lines_of(evaluation.asset_key, evaluation.check_name, found)


def lines_of(asset: dg.AssetKey, check: str, ending: Sequence[str]) -> list[str]:
    """Return an ending as lines: the first begins with table and check, the others are indented."""
    first, *rest = map(str, ending)
    return [f"{'.'.join(asset.path)} {check}: {first}", *(f"  {line}" for line in rest)]
