"""Where the code of an asset is, for Dagster's UI: a file of this machine, or of a repository."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

import movies_assets
from movies_assets.settings import Settings

METADATA = "dagster/code_references"
ANCHOR = Path(movies_assets.__file__)


def reference_to(function: Callable[..., Any]) -> dict[str, dg.CodeReferencesMetadataValue]:
    """Return the metadata that lead from an asset to the file and line of a function.

    `dg.with_source_code_references` leads to the file of a decorator instead, where the function
    has one.

    Args:
        function: the asset's function, without its decorators.
    """
    below = inspect.unwrap(function)
    # `inspect.getsourcelines` would split each file into tokens to find the end of the function.
    line = below.__code__.co_firstlineno
    file = inspect.getsourcefile(below)
    found = dg.LocalFileCodeReference(file_path=str(file), line_number=line)
    return {METADATA: dg.CodeReferencesMetadataValue(code_references=[found])}


def with_references(
    assets: Iterable[dg.AssetsDefinition], settings: Settings
) -> Sequence[dg.AssetsDefinition]:
    """Return assets that lead to their code, to that of a repository where a setting names one.

    Args:
        assets: all assets; those that lead to their code already are left as they are.
        settings: which repository.
    """
    found = [_with_reference(asset) for asset in assets]
    if not settings.git_url:
        return found
    linked = dg.link_code_references_to_git(
        found,
        git_url=settings.git_url.rstrip("/"),
        git_branch=settings.git_branch,
        file_path_mapping=dg.AnchorBasedFilePathMapping(
            local_file_anchor=ANCHOR,
            file_anchor_path_in_repository=f"{ANCHOR.parent.name}/{ANCHOR.name}",
        ),
    )
    return [asset for asset in linked if isinstance(asset, dg.AssetsDefinition)]


def _with_reference(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    if all(METADATA in spec.metadata for spec in asset.specs):
        return asset
    decorated: Any = asset.op.compute_fn
    reference = reference_to(decorated.decorated_fn)
    return asset.map_asset_specs(lambda spec: spec.merge_attributes(metadata=reference))
