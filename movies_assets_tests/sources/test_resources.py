"""Resources show in Dagster's UI with their limits, and without any secret."""

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap, ResourceSnap
from dagster._serdes import serialize_value

from movies_assets import sources
from movies_assets.definitions import build_defs
from movies_assets.settings import load

SECRET = "hunter2-hunter2"  # noqa: S105 (of nothing)
URL = f"https://user:{SECRET}@source.invalid"
LIVE = {
    "profile": "live",
    "yts": {"base_url": URL, "concurrency": 3},
    "imdb": {"base_url": URL},
    "netflix": {"base_url": URL},
    "omdb": {"base_url": URL, "api_key": SECRET},
    "ott": {"base_url": URL, "user_key_secret": SECRET},
}


@pytest.fixture
def repository(tmp_path) -> dg.RepositoryDefinition:
    return build_defs(load(data_dir=tmp_path, **LIVE)).get_repository_def()


def test_no_secret_is_sent_to_the_ui(repository):
    assert SECRET not in serialize_value(RepositorySnap.from_def(repository))


def test_each_resource_of_a_source_has_a_type_and_a_description(repository, tmp_path):
    shown: dict[str, ResourceSnap] = {
        found.name: found for found in RepositorySnap.from_def(repository).resources
    }
    settings = load(data_dir=tmp_path)
    names = {name for source in sources.load() for name in source.resources(settings)}

    for name in names:
        assert shown[name].resource_type.startswith("movies_assets.sources.")
        assert shown[name].resource_snapshot.description
    assert shown["yts"].configured_values["concurrency"] == "3"
