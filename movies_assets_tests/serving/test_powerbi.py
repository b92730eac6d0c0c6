"""The Power BI project: the files are those that the contracts say, and fit each other.

Power BI itself is not here to open them. What its published JSON schemas demand of the files that
are written is asked below; TMDL has no schema, so it is parsed.
"""

import json
import re
from itertools import pairwise

from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import shared_tables
from movies_assets.serving import powerbi
from movies_assets.serving.powerbi import FOLDER, MEASURES, MODEL, REPORT, SCHEMAS, THEME, files
from movies_assets.warehouse.types import duckdb_types

SHARED = {name: table.contract for name, table in shared_tables(TABLES).items()}
FILES = files(SHARED)
TMDL = {path: text for path, text in FILES.items() if path.endswith(".tmdl")}
JSON = {path: json.loads(text) for path, text in FILES.items() if not path.endswith(".tmdl")}
COLUMN = re.compile(r"'(\w+)'\[(\w+)\]")


def test_the_committed_project_follows_the_contracts():
    committed = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in FOLDER.rglob("*")
        if path.is_file()
    }
    assert committed == FILES, "the project is stale: python -m movies_assets powerbi"


def test_writing_replaces_what_is_there_and_no_table_of_old_stays(tmp_path):
    stale = tmp_path / MODEL / "definition" / "tables" / "gone.tmdl"
    stale.parent.mkdir(parents=True)
    stale.write_text("table gone")
    powerbi.write(SHARED, tmp_path)
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()} == {
        *FILES
    }


def objects(path):
    """Return what a TMDL file declares: the line, its depth, and the properties right below it."""
    found, properties = [], None
    for line in TMDL[path].splitlines():
        text = line.lstrip("\t")
        depth = len(line) - len(text)
        if re.match(
            r"(table|column|measure|partition|relationship|expression|model|database)\b", text
        ):
            properties = {}
            found.append((depth, text, properties))
        elif text and not text.startswith("///") and properties is not None:
            name, _, value = text.partition(": ")
            properties.setdefault(name, value)
    return found


def declared(kind):
    """Return the tables, and what of a kind each declares: its properties by its name."""
    return {
        path.rpartition("/")[2].removesuffix(".tmdl"): {
            re.match(rf"{kind} '?(.+?)'?(?: =|$)", text)[1]: properties
            for _, text, properties in objects(path)
            if text.startswith(f"{kind} ")
        }
        for path in TMDL
        if "/tables/" in path
    }


def test_tmdl_is_indented_by_tabs_and_one_level_at_a_time(subtests):
    for path, content in TMDL.items():
        with subtests.test(path=path):
            depths = []
            for line in content.splitlines():
                text = line.lstrip("\t")
                assert text == text.rstrip()
                assert line == "" or text
                if text:
                    depths.append(len(line) - len(text))
            assert depths[0] == 0
            # An expression that takes several lines is two levels below its property.
            assert all(below - above <= 2 for above, below in pairwise(depths))


def test_every_table_declares_the_columns_of_its_contract():
    columns = declared("column")
    assert {f"gold.{name}" for name in columns} == {*SHARED}
    for name, contract in SHARED.items():
        known = {c: t for c, t in duckdb_types(contract).items() if t != "VARCHAR[]"}
        assert [*columns[name.split(".")[1]]] == [*known]
        for column, type_ in known.items():
            said = columns[name.split(".")[1]][column]
            assert said["dataType"] == powerbi.TYPES[type_]
            assert said["sourceColumn"] == column
            assert ("isKey" in said) == (contract.key() == (column,))


def test_every_table_is_read_from_its_own_in_postgres_by_parameters():
    expressions = TMDL[f"{MODEL}/definition/expressions.tmdl"]
    assert re.findall(r"^expression (\w+) = \"\w+\" meta", expressions, re.MULTILINE) == [
        "Server",
        "Database",
        "Schema",
    ]
    for name in declared("column"):
        text = TMDL[f"{MODEL}/definition/tables/{name}.tmdl"]
        assert "PostgreSQL.Database(Server, Database)" in text
        assert f'[Schema = Schema, Item = "{name}"]' in text


def test_the_model_lists_its_tables():
    model = TMDL[f"{MODEL}/definition/model.tmdl"]
    assert set(re.findall(r"^ref table (\w+)$", model, re.MULTILINE)) == {*declared("column")}


def relationships():
    path = f"{MODEL}/definition/relationships.tmdl"
    return [(text, p["fromColumn"], p["toColumn"]) for _, text, p in objects(path)]


def test_every_relationship_points_from_a_column_to_the_key_of_a_table():
    columns = declared("column")
    found = relationships()
    assert len(found) == len({name for name, *_ in found})
    for _, many, one in found:
        table, column = many.split(".")
        assert column in columns[table]
        table, column = one.split(".")
        assert "isKey" in columns[table][column]
    assert len(found) == sum(t in SHARED for c in SHARED.values() for t in c.references().values())


def test_filters_have_one_way_only_from_a_table_to_another():
    # Power BI refuses relationships by which a filter could take two ways.
    ways = {}
    for text, many, one in relationships():
        ways.setdefault(one.split(".")[0], []).append((text, many.split(".")[0]))
        if many in powerbi.BOTH_WAYS:
            ways.setdefault(many.split(".")[0], []).append((text, one.split(".")[0]))

    def reached(table, used):
        for text, near in ways.get(table, []):
            if text not in used:
                yield near
                yield from reached(near, {*used, text})

    for table in ways:
        found = [*reached(table, set())]
        assert len(found) == len({*found}), table


def test_filters_go_both_ways_only_where_it_is_declared():
    path = f"{MODEL}/definition/relationships.tmdl"
    found = {said["fromColumn"] for _, _, said in objects(path) if "crossFilteringBehavior" in said}
    assert found == powerbi.BOTH_WAYS


def test_measures_refer_to_columns_that_are_there():
    columns, measures = declared("column"), declared("measure")
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    for measure in MEASURES:
        assert measure.name in measures[measure.table]
        assert measure.name not in columns[measure.table]
        assert measure.dax.count("(") == measure.dax.count(")")
        for table, column in COLUMN.findall(measure.dax):
            assert column in columns[table]
        assert set(re.findall(r"'(\w+)'", measure.dax)) <= {*columns}
    named = {"Avg", "Pilot", "Finale", "Finale delta", "Best season", "Binge score"}
    assert named <= {measure.name for measure in MEASURES}


def test_every_table_of_facts_has_a_measure_as_its_columns_are_not_summed_up():
    with_measures = {measure.table for measure in MEASURES}
    assert with_measures >= {
        "fact_movies", "imdb_movie_facts", "imdb_episode_facts", "imdb_series_kpis",
        "imdb_trending_titles", "netflix_fact_titles", "omdb_releases", "ott_popular_movies",
    }  # fmt: skip


def test_columns_that_point_at_a_table_are_hidden_and_months_are_in_their_order():
    columns = declared("column")
    for name, contract in SHARED.items():
        hidden = {c for c, said in columns[name.split(".")[1]].items() if "isHidden" in said}
        assert hidden == {*contract.references()} & {*columns[name.split(".")[1]]}
    assert columns["dim_date"]["month_name"]["sortByColumn"] == "month"


def test_instants_are_read_in_utc():
    text = TMDL[f"{MODEL}/definition/tables/fact_movies.tmdl"]
    assert '{"uploaded_at", each DateTimeZone.RemoveZone(DateTimeZone.ToUtc(_))' in text


def test_every_visual_has_words_for_those_who_cannot_see_it():
    shown = [content["visual"] for path, content in JSON.items() if path.endswith("visual.json")]
    for visual in shown:
        (general,) = visual["visualContainerObjects"]["general"]
        assert re.fullmatch(
            r"'\w+: [^']+'", general["properties"]["altText"]["expr"]["Literal"]["Value"]
        )


def test_colors_of_data_stand_out_from_what_is_behind_them():
    def light(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    behind = light(powerbi.PANEL)
    for color in powerbi.THEMED["dataColors"]:
        assert (light(color) + 0.05) / (behind + 0.05) >= 3, color


def test_pages_show_columns_and_measures_that_are_there():
    columns, measures = declared("column"), declared("measure")
    shown = [content for path, content in JSON.items() if path.endswith("visual.json")]
    assert shown
    for content in shown:
        for role in content["visual"]["query"]["queryState"].values():
            for projection in role["projections"]:
                ((kind, said),) = projection["field"].items()
                table = said["Expression"]["SourceRef"]["Entity"]
                among = columns if kind == "Column" else measures
                assert said["Property"] in among[table]
                assert projection["queryRef"] == f"{table}.{said['Property']}"


# Of Microsoft's schemas (github.com/microsoft/json-schemas, fabric): what has to be there, and what
# may be there, too.
DEMANDED = {
    "pbip/pbipProperties": ({"version", "artifacts"}, {"settings"}),
    "item/semanticModel/definitionProperties": ({"version"}, {"settings"}),
    "item/report/definitionProperties": ({"version", "datasetReference"}, set()),
    "item/report/definition/versionMetadata": ({"version"}, set()),
    "item/report/definition/pagesMetadata": (set(), {"pageOrder", "activePageName"}),
    "item/report/definition/report": ({"themeCollection"}, {"resourcePackages"}),
    "item/report/definition/page": (
        {"name", "displayName", "displayOption"},
        {"height", "width"},
    ),
    "item/report/definition/visualContainer": ({"name", "position", "visual"}, set()),
}


def test_a_file_has_what_its_schema_demands_and_nothing_else(subtests):
    for path in (path for path in JSON if not path.endswith(THEME)):
        with subtests.test(path=path):
            content = JSON[path]
            schema = content.pop("$schema")
            try:
                name, version, file = schema.removeprefix(f"{SCHEMAS}/").rsplit("/", 2)
                assert re.fullmatch(r"\d+\.\d+\.\d+", version)
                assert file == "schema.json"
                required, allowed = DEMANDED[name]
                assert required <= {*content} <= required | allowed
                if "name" in content:
                    assert len(content["name"]) <= 50
                    assert content["name"] in path
            finally:
                content["$schema"] = schema


def test_files_that_name_each_other_are_there():
    assert JSON["movies.pbip"]["artifacts"] == [{"report": {"path": REPORT}}]
    path = JSON[f"{REPORT}/definition.pbir"]["datasetReference"]["byPath"]["path"]
    assert path == f"../{MODEL}"
    report = JSON[f"{REPORT}/definition/report.json"]
    (package,) = report["resourcePackages"]
    (item,) = package["items"]
    assert f"{REPORT}/StaticResources/{package['name']}/{item['path']}" in FILES
    assert report["themeCollection"]["customTheme"]["name"] == item["name"]
    pages = JSON[f"{REPORT}/definition/pages/pages.json"]
    folders = {p.split("/")[3] for p in JSON if p.endswith("page.json")}
    assert {*pages["pageOrder"]} == folders
    assert pages["activePageName"] in folders


def test_visuals_lie_within_their_page_and_not_upon_each_other():
    for page in {path.rpartition("/")[0] for path in JSON if path.endswith("page.json")}:
        places = [
            content["position"]
            for path, content in JSON.items()
            if path.startswith(f"{page}/visuals")
        ]
        size = JSON[f"{page}/page.json"]
        for n, a in enumerate(places):
            assert a["x"] >= 0
            assert a["y"] >= 0
            assert a["x"] + a["width"] <= size["width"]
            assert a["y"] + a["height"] <= size["height"]
            for b in places[n + 1 :]:
                side_by_side = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
                assert (
                    side_by_side or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
                )


def test_the_theme_is_of_colors():
    def colors(value, name=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from colors(inner, key)
        elif isinstance(value, list):
            for inner in value:
                yield from colors(inner, name)
        elif isinstance(value, str) and name not in {"name", "fontFace"}:
            yield value

    found = [*colors(JSON[f"{REPORT}/StaticResources/RegisteredResources/{THEME}"])]
    assert found
    assert all(re.fullmatch("#[0-9A-Fa-f]{6}", color) for color in found)


def test_no_credentials_are_in_the_project():
    everything = "\n".join(FILES.values()).lower()
    assert not re.search(r"password|secret|token|user id|postgresql://", everything)
