"""One field of 20 MB costs its own record: it is in quarantine by its file and number."""

import pytest

from movies_assets_tests.conftest import Platform, netflix_title
from movies_assets_tests.ingest.test_packing import PACKINGS
from movies_assets_tests.sources.netflix.test_graph import checked, run

DAY = "2025-10-10"
STEPS = ["bronze/netflix_titles", "silver/netflix_titles"]


@pytest.mark.slow
@pytest.mark.parametrize(("packing", "number"), [("csv", "4"), ("jsonl", "3")])
def test_of_a_file_that_arrives_all_other_records_are_read(settings, instance, packing, number):
    platform = Platform(settings, instance)
    titles = [netflix_title(number) for number in range(100, 250)]
    titles[2]["description"] = "é" * 10_000_000
    rows = [[*titles[0]], *([str(value) for value in row.values()] for row in titles)]
    name, pack = PACKINGS[packing]
    path = platform.settings.landing / "netflix/titles" / DAY / name
    path.parent.mkdir(parents=True)
    path.write_bytes(pack(rows))
    result = run(platform, DAY, select=STEPS)
    read = platform.sql("SELECT count(*), bool_or(show_id = 102) FROM silver.netflix_titles")
    assert read == [(149, False)]
    ((row_id, rules, length),) = platform.sql(
        "SELECT row_id, broken_rules, len(raw) FROM quarantine.netflix_titles"
    )
    assert row_id == f"netflix/titles/{DAY}/{name}#{number:0>7}"
    assert "description: more than 100,000 bytes" in rules
    assert length < 2_000
    assert "1 record does not read" in (checked(result, STEPS[0], "schema").description or "")
