"""Take the pictures of the dashboard that the documentation shows, of every page at two widths."""

import tempfile
from pathlib import Path

import click
import duckdb

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "dashboard"
WIDTHS = {1440: 1000, 390: 844}
QUALITY = 70
# Pages that show more with a choice, and the one that is not in the list of all.
CHOSEN = {
    "/title": "/title/{title}",
    "/table": "/table/gold.title_links?column=confidence",
    "/data": "/data?table=gold.dim_title",
    "/sql": "/sql?q=FROM+gold.title_trends+ORDER+BY+month+DESC",
}
WELL_LINKED = "SELECT title_key FROM gold.title_links GROUP BY ALL ORDER BY count(*) DESC LIMIT 1"


@click.command("pictures")
@click.option(
    "--published",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="A folder of published snapshots; it is read only.",
)
def pictures(published: Path) -> None:
    """Write pictures of every page of the dashboard into docs/images/dashboard."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only where there is a browser)

    from movies_assets.dashboard.server import PAGES  # noqa: PLC0415 (an extra)
    from movies_assets_tests.benchmarks.dashboard import link_snapshot  # noqa: PLC0415
    from movies_assets_tests.dashboard.conftest import CHROMIUM, serving  # noqa: PLC0415

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        snapshot = link_snapshot(published, Path(folder))
        with duckdb.connect(snapshot, read_only=True) as connection:
            ((title,),) = connection.execute(WELL_LINKED).fetchall()
        paths = dict.fromkeys((page.path for page in PAGES), "") | CHOSEN
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with serving(Path(folder)) as served:
            for page, chosen in paths.items():
                for width, height in WIDTHS.items():
                    size = {"width": width, "height": height}
                    tab = chromium.new_page(viewport=size, color_scheme="dark")
                    tab.goto(served.url + (chosen.format(title=title) or page))
                    tab.locator(".grid[aria-busy=false]").wait_for(state="attached")
                    tab.wait_for_timeout(1_000)  # until its charts are drawn
                    path = FOLDER / f"{page[1:] or 'home'}-{width}.jpg"
                    tab.screenshot(path=path, type="jpeg", quality=QUALITY)
                    tab.close()
                    click.echo(f"{path.name}: {path.stat().st_size / 1_000:.0f} kB")
        chromium.close()
