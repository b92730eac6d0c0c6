"""Answer programs: the tables and queries of the guarded reader over HTTP, and their description.

The routes are behind the dashboard's middleware, as pages and downloads are. What a query may do is
decided in `serving`; here are only requests and responses.
"""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from html import escape
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from movies_assets import __version__
from movies_assets.dashboard.connections import RETRY_SECONDS
from movies_assets.serving.guarded import (
    Answer,
    BusyError,
    GuardedReader,
    Kind,
    QueryError,
    RefusedError,
)
from movies_assets.serving.sql_rules import MOST_CHARACTERS
from movies_assets.warehouse.published import NothingPublishedError

T = TypeVar("T")

API_PATH = "/api"
# The longest text in UTF-8, each character escaped in JSON as two of UTF-16.
MOST_BODY_BYTES = 12 * MOST_CHARACTERS
JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
MEDIA_TYPES: Mapping[str, Kind] = {JSON: "json", CSV: "csv", ARROW: "arrow"}
ANY = {"", "*/*", "application/*"}
# Where a browser says that another site makes it ask.
FOREIGN = {"cross-site", "same-site"}


class ApiError(Exception):
    """A request that cannot be answered, with the status of its response."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status


def build_api(reader: GuardedReader) -> Starlette:
    """Build the application of all addresses below `/api`."""
    api = Starlette(
        routes=[
            Route("/tables", _tables),
            Route("/tables/{name}", _table),
            Route("/sql", _sql, methods=["GET", "POST"]),
            Route("/openapi.json", _openapi),
            Route("/docs", _docs),
        ],
        exception_handlers={
            ApiError: _failed,
            RefusedError: _failed,
            QueryError: _failed,
            NothingPublishedError: _failed,
            HTTPStatus.NOT_FOUND: _no_such_address,
        },
    )
    api.state.reader = reader
    return api


async def _tables(request: Request) -> Response:
    return _json({"tables": await _unless_gone(request, _reader(request).tables())})


async def _table(request: Request) -> Response:
    name = request.path_params["name"]
    try:
        return _json(await _unless_gone(request, _reader(request).table(name)))
    except RefusedError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error)) from error


async def _sql(request: Request) -> Response:
    kind = _kind(request)
    sql = await _body(request) if request.method == "POST" else _parameter(request)
    answer = await _unless_gone(request, _reader(request).query(sql, kind))
    return _response(answer, kind)


def _reader(request: Request) -> GuardedReader:
    reader: GuardedReader = request.app.state.reader
    return reader


def _kind(request: Request) -> Kind:
    """Return the requested format: `?format=`, or the first known type that is accepted."""
    if named := request.query_params.get("format"):
        accepted = [media_type for media_type, kind in MEDIA_TYPES.items() if kind == named]
    else:
        accepted = [
            part.partition(";")[0].strip().lower()
            for part in request.headers.get("accept", "*/*").split(",")
        ]
    for media_type in accepted:
        if media_type in ANY:
            return "json"
        if media_type in MEDIA_TYPES:
            return MEDIA_TYPES[media_type]
    raise ApiError(HTTPStatus.NOT_ACCEPTABLE, f"Answers are available as {', '.join(MEDIA_TYPES)}.")


def _parameter(request: Request) -> str:
    # Pages of other sites may make a browser send GET requests, without reading the answers.
    if request.headers.get("sec-fetch-site") in FOREIGN:
        raise ApiError(HTTPStatus.FORBIDDEN, "Another site asks for this query.")
    if sql := request.query_params.get("sql"):
        return sql
    raise ApiError(HTTPStatus.BAD_REQUEST, "Add the query: /api/sql?sql=SELECT...")


async def _body(request: Request) -> str:
    """Return the query in the body of a request: `{"sql": "SELECT ..."}`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send the query as {JSON}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The query has more than {MOST_CHARACTERS:,} characters.",
            )
    with suppress(ValueError, RecursionError):
        given = json.loads(body)
        if isinstance(given, dict) and isinstance(given.get("sql"), str):
            return str(given["sql"])
    raise ApiError(HTTPStatus.BAD_REQUEST, 'Send the query as {"sql": "SELECT ..."}.')


async def _unless_gone(request: Request, asked: Awaitable[T]) -> T:
    """Return an answer; cancel the query when its client has gone."""
    answer = asyncio.ensure_future(asked)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        is_done = answer.done()
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)
    if not is_done:
        raise ApiError(HTTPStatus.BAD_REQUEST, "The client has gone.")
    return answer.result()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(answer: Answer, kind: Kind) -> Response:
    """Return the response with an answer; beyond JSON, what is known about it is in headers."""
    if kind == "json":
        return Response(answer.as_json(), media_type=JSON, headers=FIXED)
    headers = {"x-row-count": str(answer.rows), "x-seconds": str(answer.seconds)}
    if answer.cut:
        headers["x-truncated"] = answer.cut
    if kind == "csv":
        headers["content-disposition"] = 'attachment; filename="answer.csv"'
    media_type = CSV if kind == "csv" else ARROW
    return Response(answer.content, media_type=media_type, headers=FIXED | headers)


FIXED = {"cache-control": "no-store"}


def _json(content: Any) -> Response:
    return JSONResponse(content, headers=FIXED)


async def _failed(_: Request, error: Exception) -> Response:
    """Return the response of an error, with its reason as a sentence."""
    status, headers = HTTPStatus.BAD_REQUEST, dict(FIXED)
    if isinstance(error, ApiError):
        status = error.status
    elif isinstance(error, BusyError | NothingPublishedError):
        status = HTTPStatus.SERVICE_UNAVAILABLE
        headers["retry-after"] = str(RETRY_SECONDS)
    words = str(error)
    return JSONResponse({"error": words[:1].upper() + words[1:]}, status, headers)


async def _no_such_address(request: Request, _: Exception) -> Response:
    return await _failed(
        request, ApiError(HTTPStatus.NOT_FOUND, "There is no such address. See /api/docs.")
    )


async def _openapi(request: Request) -> Response:
    return _json(openapi(_reader(request)))


async def _docs(request: Request) -> Response:
    return HTMLResponse(docs_page(openapi(_reader(request))))


def openapi(reader: GuardedReader) -> dict[str, Any]:
    """Return the description of the API, as OpenAPI 3.1."""
    limits = reader.limits
    busy = {
        "description": "Too many queries are running, or nothing is published yet.",
        "content": _content("Error"),
    }
    answer = {
        "description": f"The rows, at most {limits.sql_rows:,} and {limits.sql_bytes:,} bytes; "
        "truncated (beyond JSON, the header x-truncated) is the limit at which they end.",
        "content": {
            **_content("Answer"),
            CSV: {"schema": {"type": "string"}},
            ARROW: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    responses = {"200": answer, **_errors(400, 406), "503": busy}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "movies_assets",
            "version": __version__,
            "description": "The newest published snapshot, read-only, without tables of single "
            f"users. A query may take {limits.sql_seconds:g} s and {limits.sql_memory} of memory; "
            f"{limits.sql_queries} may run concurrently.",
        },
        "paths": {
            f"{API_PATH}/tables": {
                "get": {
                    "summary": "List all tables.",
                    "operationId": "list_tables",
                    "responses": {
                        "200": {"description": "The tables.", "content": _content("Tables")},
                        "503": busy,
                    },
                }
            },
            f"{API_PATH}/tables/{{name}}": {
                "get": {
                    "summary": "Describe a table, with its columns and five rows.",
                    "operationId": "describe_table",
                    "parameters": [_in("path", "name", "The table, such as gold.dim_title.")],
                    "responses": {
                        "200": {"description": "The table.", "content": _content("Table")},
                        **_errors(404),
                        "503": busy,
                    },
                }
            },
            f"{API_PATH}/sql": {
                "post": {
                    "summary": "Run a query.",
                    "operationId": "query",
                    "requestBody": {"required": True, "content": _content("Query")},
                    "responses": {**responses, **_errors(413, 415)},
                },
                "get": {
                    "summary": "Run a query that is in the address.",
                    "operationId": "query_by_address",
                    "parameters": [
                        _in("query", "sql", "One SELECT."),
                        {
                            **_in("query", "format", "The format, instead of the header Accept."),
                            "required": False,
                            "schema": {"enum": [*MEDIA_TYPES.values()]},
                        },
                    ],
                    "responses": {**responses, **_errors(403)},
                },
            },
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _content(schema: str) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _errors(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}; the reason is in error.",
            "content": _content("Error"),
        }
        for status in statuses
    }


def _in(place: str, name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties]}


TEXT, COUNT = {"type": "string"}, {"type": "integer"}
ROWS = {"type": "array", "items": {"type": "array", "items": {}}}
OF_A_TABLE: dict[str, Any] = {
    "name": TEXT,
    "description": {"type": ["string", "null"]},
    "rows": {"type": ["integer", "null"]},
    "newest_partition": {"type": ["string", "null"]},
    "taken_at": {"type": ["string", "null"]},
}
SCHEMAS: dict[str, Any] = {
    "Query": _object(sql=TEXT),
    "Answer": _object(
        columns={"type": "array", "items": _object(name=TEXT, type=TEXT)},
        row_count=COUNT,
        truncated={"enum": ["rows", "bytes", None]},
        seconds={"type": "number"},
        rows=ROWS,
    ),
    "Tables": _object(
        tables={"type": "array", "items": _object(**OF_A_TABLE, columns=COUNT)},
    ),
    "Table": _object(
        **OF_A_TABLE,
        columns={"type": "array", "items": _object(name=TEXT, type=TEXT)},
        sample=ROWS,
    ),
    "Error": _object(error=TEXT),
}  # fmt: skip


def docs_page(described: Mapping[str, Any]) -> str:
    """Return the description as a page without scripts or other files."""
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(about['summary'])}</p>"
        f"{_parameters(about)}<dl>{_responses(about)}</dl>"
        for path, methods in described["paths"].items()
        for method, about in methods.items()
    ]
    schemas = json.dumps(described["components"]["schemas"], indent=2)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>API · Movies</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><main><h1>API</h1>"
        f"<p>{escape(described['info']['description'])} The same as "
        '<a href="/api/openapi.json">OpenAPI</a>, for programs; the page '
        '<a href="/sql">SQL</a> is for people.</p>'
        f"<pre>{escape(EXAMPLES)}</pre>{''.join(parts)}"
        f"<h2>Schemas</h2><details><summary>JSON Schema</summary><pre>{escape(schemas)}</pre>"
        "</details></main></html>"
    )


STYLE = (
    "body{background:#0b0b0d;color:#f3f3f5;font:1rem/1.5 system-ui,sans-serif;margin:0}"
    "main{max-width:52rem;margin:0 auto;padding:2rem 1.5rem}a{color:inherit}"
    "h2{font-size:1.1rem;margin-top:2rem}dt{font-weight:600}dd{margin:0 0 .25rem 0}"
    "pre{background:#17171a;padding:1rem;white-space:pre-wrap}"
)
EXAMPLES = """\
curl http://127.0.0.1:8080/api/tables
curl http://127.0.0.1:8080/api/sql --json '{"sql": "SELECT count(*) FROM gold.dim_title"}'
curl -H 'Accept: text/csv' http://127.0.0.1:8080/api/sql --json '{"sql": "FROM gold.dim_title"}'
curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/api/tables   # where there is a token
"""


def _parameters(about: Mapping[str, Any]) -> str:
    found = "".join(
        f"<dt><code>{escape(one['name'])}</code></dt><dd>{escape(one['description'])}</dd>"
        for one in about.get("parameters", ())
    )
    return f"<dl>{found}</dl>" if found else ""


def _responses(about: Mapping[str, Any]) -> str:
    return "".join(
        f"<dt>{status}</dt><dd>{escape(answer['description'])}</dd>"
        for status, answer in about["responses"].items()
    )
