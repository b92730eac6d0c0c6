"""A service that knows its users by UUIDs, fetched over TCP, is loaded as one that numbers them."""

from collections.abc import Collection, Iterator
from datetime import date
from uuid import NAMESPACE_URL, uuid5

import dagster as dg
import pytest

from movies_assets.sample.serving import serve
from movies_assets.settings import load
from movies_assets.sources.ott.client import OttClient, settle
from movies_assets.sources.ott.sample import deliver_titles, deliver_users, deliver_views
from movies_assets.sources.ott.sample_server import BASE_PATH, create_ott_app
from movies_assets_tests.conftest import STORED_DAY, Platform

LAST_DAY = date.fromisoformat(STORED_DAY)


def as_uuid(number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"user:{number}"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    settings = load(data_dir=tmp_path_factory.mktemp("uuids"))
    ott = settings.landing / "ott"
    deliver_titles(ott / "titles", last_day=LAST_DAY, users=100, titles=60, views=2_000)
    deliver_views(ott / "views", last_day=LAST_DAY, users=100, titles=60, views=2_000, ids=as_uuid)
    deliver_users(ott / "users", last_day=LAST_DAY, users=100, ids=as_uuid)
    with serve(create_ott_app(100, last_day=LAST_DAY, ids=as_uuid)) as url:
        client = OttClient(f"{url}{BASE_PATH}", page_size=7)

        def fetched(days: Collection[date]) -> object:
            return settle(settings.landing, days, LAST_DAY, client.fetch)

        with dg.DagsterInstance.ephemeral() as instance:
            platform = Platform(settings, instance, resources={"ott_users": fetched})
            assert platform.run("2025-10-30", STORED_DAY, job="ott_daily").success
            yield platform


@pytest.mark.slow
def test_users_and_what_they_watched_belong_together(stored):
    known = {as_uuid(number) for number in range(100)}
    users = {user for (user,) in stored.sql("SELECT user_id FROM silver.ott_users")}
    assert users <= known
    assert len(users) > 90
    ((of_users, of_others),) = stored.sql(
        "SELECT count(*) FILTER (user_id IN (SELECT user_id FROM silver.ott_users)), "
        "count(*) FILTER (user_id NOT IN (SELECT user_id FROM silver.ott_users)) "
        "FROM silver.ott_views"
    )
    assert of_users > 50
    assert of_others < 10


@pytest.mark.slow
def test_no_title_that_a_user_has_seen_is_recommended(stored):
    assert stored.sql("SELECT count(*) > 100 FROM gold.ott_recommendations") == [(True,)]
    recommended = (
        "gold.ott_recommendations JOIN silver.ott_users USING (user_key) "
        "JOIN silver.ott_watched USING (user_id, title_key)"
    )
    assert stored.sql(f"SELECT count(*) FROM {recommended}") == [(0,)]
