"""Write a Power BI project over the tables in Postgres: semantic model, report and theme.

Tables, columns, types, descriptions, keys and relationships come from the contracts, measures from
the sources; pages are written here. `python -m movies_assets powerbi` writes the folder `powerbi`,
which Power BI Desktop opens (File, Open, movies.pbip). No data and no credentials are in it.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from movies_assets import sources
from movies_assets.core.contract import Contract
from movies_assets.core.durable import exchange
from movies_assets.serving.postgres_ddl import table_of
from movies_assets.settings import PROJECT_ROOT
from movies_assets.warehouse.types import duckdb_types

FOLDER = PROJECT_ROOT / "powerbi"
SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
MODEL, REPORT, THEME = "movies.SemanticModel", "movies.Report", "movies.json"
BASE_THEME = "CY24SU10"
PARAMETERS = {
    "Server": ("localhost", "Host of the Postgres server, and its port where it is not 5432."),
    "Database": ("movies", "The database."),
    "Schema": ("movies", "The schema, as in MOVIES_POSTGRES_SCHEMA."),
}
# A semantic model has no type for lists: such columns are left out.
TYPES = {
    "BIGINT": "int64",
    "BOOLEAN": "boolean",
    "DATE": "dateTime",
    "DOUBLE": "double",
    "TIMESTAMPTZ": "dateTime",
    "VARCHAR": "string",
}
# Names whose alphabetical order means nothing, and the column that orders them.
SORTED_BY = {"month_name": "month"}
FORMATS = {"BIGINT": "0", "DATE": "yyyy-mm-dd", "TIMESTAMPTZ": "yyyy-mm-dd hh:nn:ss"}
BLACK, PANEL, LINE, WHITE, GREY, RED = (
    "#0B0B0F", "#16161D", "#2A2A33", "#F2F2F2", "#9A9AA5", "#E50914",
)  # fmt: skip


MEASURES = [measure for of_source in sources.measures().values() for measure in of_source]


class Visual(NamedTuple):
    """A visual of a page: its fields by role, as `table.column` or a measure, and its place."""

    name: str
    kind: str
    fields: Mapping[str, Sequence[str]]
    place: tuple[int, int, int, int]

    @property
    def words(self) -> str:
        """Return the text for people who cannot see it."""
        shown = ", ".join(
            field.rpartition(".")[2].replace("_", " ")
            for names in self.fields.values()
            for field in names
        )
        return f"{KINDS[self.kind]}: {shown}"


KINDS = {
    "barChart": "Bars",
    "card": "Figure",
    "columnChart": "Columns",
    "slicer": "Choice",
    "tableEx": "Table",
}


def _cards(names: Sequence[str]) -> list[Visual]:
    width = (1280 - 20) // len(names)
    return [
        Visual(f"card_{n}", "card", {"Values": [name]}, (20 + n * width, 20, width - 20, 120))
        for n, name in enumerate(names)
    ]


LEFT, RIGHT = (20, 160, 610, 540), (650, 160, 610, 540)
PAGES: Mapping[str, Sequence[Visual]] = {
    "Movies": (
        *_cards(["Movies", "Average rating", "Average runtime"]),
        Visual(
            "decades",
            "columnChart",
            {"Category": ["dim_released_year.decade_label"], "Y": ["Movies"]},
            LEFT,
        ),
        Visual(
            "languages",
            "tableEx",
            {"Values": ["dim_language.language_name", "Movies", "Average rating"]},
            RIGHT,
        ),
    ),
    "Series": (
        *_cards(["Avg", "Pilot", "Finale", "Finale delta", "Best season", "Binge score"]),
        Visual("series", "slicer", {"Values": ["imdb_dim_series.series_label"]}, LEFT),
        Visual(
            "seasons",
            "columnChart",
            {"Category": ["imdb_episode_facts.season_number"], "Y": ["Episode rating"]},
            RIGHT,
        ),
    ),
    "Catalogues": (
        *_cards([measure.name for measure in MEASURES if measure.is_of_catalogues]),
        Visual(
            "genres",
            "barChart",
            {"Category": ["imdb_movie_facts.genre"], "Y": ["IMDb movies"]},
            LEFT,
        ),
        Visual(
            "ratings",
            "columnChart",
            {"Category": ["netflix_dim_title.rating_group"], "Y": ["Netflix titles"]},
            RIGHT,
        ),
    ),
}


def write(contracts: Mapping[str, type[Contract]], folder: Path = FOLDER) -> None:
    """Replace the project in a folder; other files there stay.

    The whole folder is replaced in one step: if this is killed, the old project or the new one is
    left. The next call removes unfinished files next to the folder.

    Args:
        contracts: the tables in Postgres, by their names in the snapshot.
        folder: the folder to write.
    """
    work = folder.with_name(f".{folder.name}.new")
    staged = work / folder.name
    shutil.rmtree(work, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, staged, ignore=shutil.ignore_patterns(MODEL, REPORT))
    for path, text in files(contracts).items():
        target = staged / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    exchange(staged, folder)
    shutil.rmtree(work)


def files(contracts: Mapping[str, type[Contract]]) -> dict[str, str]:
    """Return the contents of the project's files by path."""
    return {**_project(), **_model(contracts), **_report()}


def _project() -> dict[str, str]:
    return {
        "movies.pbip": _json(
            "pbip/pbipProperties/1.0.0",
            version="1.0",
            artifacts=[{"report": {"path": REPORT}}],
            settings={"enableAutoRecovery": True},
        )
    }


def _json(schema: str, **content: Any) -> str:
    document = {"$schema": f"{SCHEMAS}/{schema}/schema.json", **content}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _model(contracts: Mapping[str, type[Contract]]) -> dict[str, str]:
    names = [table_of(name) for name in contracts]
    definition = f"{MODEL}/definition"
    header = [
        "model Model",
        "\tculture: en-US",
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3",
        "\tdiscourageImplicitMeasures",
        "\tsourceQueryCulture: en-US",
        "",
    ]
    return {
        f"{MODEL}/definition.pbism": _json(
            "item/semanticModel/definitionProperties/1.0.0", version="4.2", settings={}
        ),
        f"{definition}/database.tmdl": "database\n\tcompatibilityLevel: 1600\n",
        f"{definition}/model.tmdl": _lines([*header, *(f"ref table {name}" for name in names)]),
        f"{definition}/expressions.tmdl": _lines(_parameters()),
        f"{definition}/relationships.tmdl": _lines(_relationships(contracts)),
        **{
            f"{definition}/tables/{table_of(name)}.tmdl": _lines(_table(table_of(name), contract))
            for name, contract in contracts.items()
        },
    }


def _lines(lines: Sequence[str] | Iterator[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _parameters() -> Iterator[str]:
    kind = 'meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]'
    for name, (value, description) in PARAMETERS.items():
        yield f"/// {description}"
        yield f'expression {name} = "{value}" {kind}'
        yield ""


# Filters of a genre, category or country reach the titles, and so the facts. Bridges of people do
# not: cast and direction lead from the same people to the same titles, see `core.measure.through`.
BOTH_WAYS = {
    "genre_junction.movie_key",
    "netflix_title_category.show_key",
    "netflix_title_country.show_key",
}


def _relationships(contracts: Mapping[str, type[Contract]]) -> Iterator[str]:
    for name, contract in contracts.items():
        for column, target in contract.references().items():
            if target in contracts:
                (key,) = contracts[target].key()
                yield f"relationship {table_of(name)}_{column}"
                yield f"\tfromColumn: {table_of(name)}.{column}"
                yield f"\ttoColumn: {table_of(target)}.{key}"
                if f"{table_of(name)}.{column}" in BOTH_WAYS:
                    yield "\tcrossFilteringBehavior: bothDirections"
                yield ""


def _table(name: str, contract: type[Contract]) -> Iterator[str]:
    columns = {column: type_ for column, type_ in duckdb_types(contract).items() if type_ in TYPES}
    yield f"/// {contract.grain()}"
    yield f"table {name}"
    yield ""
    for measure in MEASURES:
        if measure.table == name:
            yield f"\t/// {measure.description}"
            yield f"\tmeasure '{measure.name}' = {measure.dax}"
            yield f"\t\tformatString: {measure.format}"
            yield ""
    for column, type_ in columns.items():
        yield f"\t/// {contract.descriptions()[column]}"
        yield f"\tcolumn {column}"
        yield f"\t\tdataType: {TYPES[type_]}"
        if contract.key() == (column,):
            yield "\t\tisKey"
        if column in contract.references():
            # Readers choose from the table that it points at.
            yield "\t\tisHidden"
        if column in SORTED_BY and SORTED_BY[column] in columns:
            yield f"\t\tsortByColumn: {SORTED_BY[column]}"
        if type_ in FORMATS:
            yield f"\t\tformatString: {FORMATS[type_]}"
        yield "\t\tsummarizeBy: none"
        yield f"\t\tsourceColumn: {column}"
        yield ""
    yield f"\tpartition {name} = m"
    yield "\t\tmode: import"
    yield "\t\tsource ="
    listed = ", ".join(f'"{column}"' for column in columns)
    yield "\t\t\t\tlet"
    yield "\t\t\t\t    Source = PostgreSQL.Database(Server, Database),"
    yield f'\t\t\t\t    Rows = Source{{[Schema = Schema, Item = "{name}"]}}[Data],'
    yield f"\t\t\t\t    Known = Table.SelectColumns(Rows, {{{listed}}}),"
    instants = ", ".join(
        f'{{"{column}", each DateTimeZone.RemoveZone(DateTimeZone.ToUtc(_)), type datetime}}'
        for column, type_ in columns.items()
        if type_ == "TIMESTAMPTZ"
    )
    yield f"\t\t\t\t    Utc = Table.TransformColumns(Known, {{{instants}}})"
    yield "\t\t\t\tin"
    yield "\t\t\t\t    Utc"


def _report() -> dict[str, str]:
    definition = f"{REPORT}/definition"
    versions = {"visual": "2.0.0", "page": "2.0.0", "report": "3.0.0"}
    custom = {
        "name": THEME,
        "reportVersionAtImport": versions,
        "type": "RegisteredResources",
    }
    # Power BI's own; it has what the custom one does not say.
    base = {"name": BASE_THEME, "reportVersionAtImport": versions, "type": "SharedResources"}
    registered = {"name": THEME, "path": THEME, "type": "CustomTheme"}
    package = {"name": "RegisteredResources", "type": "RegisteredResources", "items": [registered]}
    named = {page: page.lower() for page in PAGES}
    found = {
        f"{REPORT}/definition.pbir": _json(
            "item/report/definitionProperties/2.0.0",
            version="4.0",
            datasetReference={"byPath": {"path": f"../{MODEL}"}},
        ),
        f"{definition}/version.json": _json(
            "item/report/definition/versionMetadata/1.0.0", version="2.0.0"
        ),
        f"{definition}/report.json": _json(
            "item/report/definition/report/3.0.0",
            themeCollection={"baseTheme": base, "customTheme": custom},
            resourcePackages=[package],
        ),
        f"{definition}/pages/pages.json": _json(
            "item/report/definition/pagesMetadata/1.0.0",
            pageOrder=[*named.values()],
            activePageName=next(iter(named.values())),
        ),
        f"{REPORT}/StaticResources/RegisteredResources/{THEME}": json.dumps(THEMED, indent=2)
        + "\n",
    }
    for page, visuals in PAGES.items():
        folder = f"{definition}/pages/{named[page]}"
        found[f"{folder}/page.json"] = _json(
            "item/report/definition/page/2.0.0",
            name=named[page],
            displayName=page,
            displayOption="FitToPage",
            height=720,
            width=1280,
        )
        for order, visual in enumerate(visuals):
            name = f"{named[page]}_{visual.name}"
            found[f"{folder}/visuals/{name}/visual.json"] = _visual(name, visual, order)
    return found


def _visual(name: str, visual: Visual, order: int) -> str:
    x, y, width, height = visual.place
    roles = {
        role: {"projections": [_projection(field) for field in fields]}
        for role, fields in visual.fields.items()
    }
    return _json(
        "item/report/definition/visualContainer/2.0.0",
        name=name,
        position={"x": x, "y": y, "z": order, "height": height, "width": width, "tabOrder": order},
        visual={
            "visualType": visual.kind,
            "query": {"queryState": roles},
            "drillFilterOtherVisuals": True,
            "visualContainerObjects": {
                "general": [{"properties": {"altText": _text(visual.words)}}]
            },
        },
    )


def _projection(field: str) -> dict[str, Any]:
    table, _, name = field.rpartition(".")
    kind = "Column" if table else "Measure"
    table = table or next(measure.table for measure in MEASURES if measure.name == name)
    reference = {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}
    return {"field": {kind: reference}, "queryRef": f"{table}.{name}", "nativeQueryRef": name}


def _text(words: str) -> dict[str, Any]:
    return {"expr": {"Literal": {"Value": f"'{words}'"}}}


def _solid(color: str) -> dict[str, Any]:
    return {"solid": {"color": color}}


THEMED: Mapping[str, Any] = {
    "name": "Movies",
    "dataColors": [
        RED,
        "#F5777D",
        "#9A9AA5",
        "#F2B8BB",
        "#D0454C",
        "#7E7E8A",
        "#C98552",
        "#D9D9DE",
    ],
    "foreground": WHITE,
    "foregroundNeutralSecondary": GREY,
    "foregroundNeutralTertiary": LINE,
    "background": BLACK,
    "backgroundLight": PANEL,
    "backgroundNeutral": LINE,
    "tableAccent": RED,
    "good": "#3FB950",
    "neutral": GREY,
    "bad": RED,
    "textClasses": {
        "callout": {"color": WHITE, "fontSize": 32, "fontFace": "Segoe UI Semibold"},
        "title": {"color": WHITE, "fontSize": 12, "fontFace": "Segoe UI Semibold"},
        "header": {"color": WHITE, "fontSize": 12, "fontFace": "Segoe UI Semibold"},
        "label": {"color": GREY, "fontSize": 10, "fontFace": "Segoe UI"},
    },
    "visualStyles": {
        "page": {
            "*": {
                "background": [{"color": _solid(BLACK), "transparency": 0}],
                "outspace": [{"color": _solid(BLACK), "transparency": 0}],
            }
        },
        "*": {
            "*": {
                "background": [{"show": True, "color": _solid(PANEL), "transparency": 0}],
                "border": [{"show": True, "color": _solid(LINE), "radius": 8}],
            }
        },
    },
}
