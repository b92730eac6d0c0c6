"""The rest of the small world: Netflix's catalogue, and what is known about the data."""

from datetime import date, datetime, timedelta
from typing import Any

from movies_assets_tests.dashboard.snapshots import ARABIC, HOSTILE, NOW, few

OCTOBER = date(2025, 10, 31)


def title(  # noqa: PLR0913, PLR0917 (what a title has)
    key: int,
    name: str,
    flag: int,
    added: date | None,
    year: int,
    rating: str | None,
    length: int | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a title's rows in gold.netflix_dim_title and gold.netflix_fact_titles."""
    return (
        {
            "show_key": str(key),
            "title": name,
            "type": {1: "Movie", 2: "TV Show"}.get(flag, "Other"),
            "type_flag": flag,
            "rating": rating,
            "rating_group": rating.split("-")[0] if rating else None,
            "date_added": added,
            "release_year": year,
        },
        {
            "show_key": str(key),
            "type_flag": flag,
            "rating": rating,
            "duration_minutes": length if flag == 1 else None,
            "duration_seasons": length if flag == 2 else None,
        },
    )


TITLES = [
    title(1, "Aria", 1, date(2025, 9, 3), 2020, "TV-MA", 94),
    title(2, "Boats", 1, date(2025, 9, 4), 2021, "PG-13", 95),
    title(3, HOSTILE, 1, OCTOBER, 2021, "TV-14", None),
    title(4, "=1+1", 2, date(2025, 7, 1), 1999, None, 3),
    title(5, ARABIC, 2, None, 2021, "TV-MA", 14),
]
CATEGORIES = {"dramas": "Dramas", "comedies": "Comedies", "tv-dramas": "TV Dramas"}
COUNTRIES = {"india": "India", "chile": "Chile", "unknown": "Unknown"}


def run(job: str, status: str, minutes: int, **row: Any) -> dict[str, Any]:
    """Return a run that started some minutes before publishing, and took 90 seconds."""
    started = NOW - timedelta(minutes=minutes)
    ended = {"ended_at": started + timedelta(seconds=90)}
    return {"run_id": job, "job": job, "status": status, "started_at": started} | ended | row


def check(table: str, name: str, verdict: str, finding: str | None = None) -> dict[str, Any]:
    """Return a check; its rule is described after its name."""
    return {
        "table_name": table,
        "check_name": name,
        "description": f"asks {name}",
        "is_blocking": name == "contract",
        "verdict": verdict,
        "finding": finding,
        "evaluated_at": None if verdict == "not run" else NOW,
    }


def table(name: str, source: str, rows: int | None, written: datetime | None) -> dict[str, Any]:
    """Return a table; those of gold are published."""
    layer = name.split(".", maxsplit=1)[0]
    return {
        "table_name": name,
        "layer": layer,
        "source": source,
        "description": f"One row a thing of {name}.",
        "is_published": layer == "gold",
        "rows": rows,
        "newest_partition": "2025-10-31" if layer != "gold" else None,
        "materialized_at": written,
    }


def column(name: str, position: int, column_name: str, **row: Any) -> dict[str, Any]:
    """Return a column of a table."""
    return {
        "table_name": name,
        "position": position,
        "column_name": column_name,
        "type": "VARCHAR",
        "description": f"Meaning of {column_name}.",
        **row,
    }


def profile(name: str, partition: str, rows: int, *, whole: bool) -> list[dict[str, Any]]:
    """Return a partition's profile: a row for each of two columns."""
    first, _, last = partition.partition("...")
    return [
        {
            "table_name": name,
            "partition": partition,
            "column_name": column_name,
            "first_day": date.fromisoformat(first),
            "last_day": date.fromisoformat(last or first),
            "is_whole_table": whole,
            "row_count": rows,
        }
        for column_name in ("a", "b")
    ]


HOUR_BEFORE = NOW - timedelta(hours=1, minutes=5)

META: dict[str, list[dict[str, Any]]] = {
    "meta.snapshot": [
        {"snapshot_id": "movies_a", "published_at": NOW, "run_id": "publish", "version": "1"}
    ],
    "meta.tables": [
        table("bronze.netflix_titles", "netflix", 6, HOUR_BEFORE),
        table("silver.netflix_titles", "netflix", 5, NOW - timedelta(seconds=30)),
        table("gold.netflix_dim_title", "netflix", 5, NOW - timedelta(seconds=20)),
        table("gold.netflix_fact_titles", "netflix", 5, NOW - timedelta(seconds=10)),
        table("gold.ott_dim_user", "ott", 2, NOW - timedelta(days=2, hours=3)),
        table("gold.ott_recommendation_quality", "ott", None, None),
    ],
    "meta.columns": [
        column("bronze.netflix_titles", 1, "title"),
        column("silver.netflix_titles", 1, "show_id", is_key=True, is_required=True),
        column("gold.netflix_dim_title", 1, "show_key", is_key=True, is_required=True),
        column("gold.netflix_dim_title", 2, "title", description=HOSTILE),
        column(
            "gold.netflix_fact_titles",
            1,
            "show_key",
            is_required=True,
            references_table="gold.netflix_dim_title",
        ),
        column("gold.ott_dim_user", 1, "user_key", is_key=True, is_personal=True),
    ],
    "meta.lineage": [
        {"table_name": below, "upstream": above}
        for above, below in (
            ("landing.netflix_titles", "bronze.netflix_titles"),
            ("bronze.netflix_titles", "silver.netflix_titles"),
            ("silver.netflix_titles", "gold.netflix_dim_title"),
            ("silver.netflix_titles", "gold.netflix_fact_titles"),
            ("gold.netflix_dim_title", "gold.netflix_fact_titles"),
            ("silver.ott_users", "gold.ott_dim_user"),
        )
    ],
    "meta.checks": [
        check("bronze.netflix_titles", "schema", "warned", f"one column is new: {HOSTILE}"),
        check("gold.netflix_dim_title", "contract", "passed", "holds"),
        check("gold.netflix_fact_titles", "contract", "failed", "2 rows without a key"),
        check("gold.ott_recommendation_quality", "contract", "not run"),
        check("silver.netflix_titles", "freshness", "passed", "holds"),
    ],
    "meta.runs": [
        run("publish", "started", 0, started_at=NOW - timedelta(seconds=42), ended_at=None),
        run("netflix_daily", "success", 5, partitions="2025-10-02 to 2025-10-31"),
        run("ott_daily", "failure", 10, partitions="2025-10-31"),
    ],
    "meta.quarantine": [
        {"table_name": "silver.netflix_titles", "partition_key": day, "broken_rules": rules,
         "rows": rows, "newest_at": NOW}
        for day, rules, rows in (
            ("2025-10-30", "show_id: required", 2),
            ("2025-10-31", "show_id: required", 3),
            ("2025-10-31", "show_id: required; type: required", 1),
        )
    ],
    "gold.data_quality_snapshot": [
        *profile("gold.netflix_dim_title", "2025-10-30", 3, whole=True),
        *profile("gold.netflix_dim_title", "2025-10-31", 5, whole=True),
        *profile("silver.netflix_titles", "2025-10-01...2025-10-10", 50, whole=False),
        *profile("silver.netflix_titles", "2025-10-30", 4, whole=False),
        *profile("silver.netflix_titles", "2025-10-31", 7, whole=False),
    ],
}  # fmt: skip


def more() -> dict[str, list[dict[str, Any]]]:
    """Return the small world with Netflix's catalogue and what is known about the data."""
    return few() | META | {
        "gold.netflix_dim_title": [dim for dim, _ in TITLES],
        "gold.netflix_fact_titles": [fact for _, fact in TITLES],
        "gold.netflix_dim_category": [
            {"category_key": key, "category_name": name} for key, name in CATEGORIES.items()
        ],
        "gold.netflix_dim_country": [
            {"country_key": key, "country_name": name} for key, name in COUNTRIES.items()
        ],
        "gold.netflix_title_category": [
            {"show_key": str(show), "category_key": key}
            for show, key in ((1, "dramas"), (1, "comedies"), (2, "dramas"), (4, "tv-dramas"))
        ],
        "gold.netflix_title_country": [
            {"show_key": str(show), "country_key": key}
            for show, key in ((1, "india"), (1, "chile"), (2, "india"), (4, "unknown"))
        ],
    }  # fmt: skip
