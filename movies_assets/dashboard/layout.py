"""Build the frame of every page: header, slicers, state of the data and footer.

`Page` describes a page: how it loads data (without NiceGUI, so that tests can call it) and how it
shows them. A `Visit` is one browser tab on a page: it keeps the state, loads again when the state
or the snapshot changes, and passes the data to the page.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import duckdb
from nicegui import background_tasks, ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments
from starlette.datastructures import QueryParams
from starlette.requests import Request

from movies_assets.dashboard.components import Option, Picker, box, text
from movies_assets.dashboard.connections import POLL_SECONDS
from movies_assets.dashboard.filters import (
    FIRST_YEAR,
    GENRE,
    GLOBAL,
    LAST_YEAR,
    YEARS,
    Field,
    State,
    notice_of,
    parsed,
    read,
)
from movies_assets.dashboard.search import search
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries.quality import FOUND, SNAPSHOT
from movies_assets.serving.reader import OpenSnapshot, SnapshotReader
from movies_assets.warehouse.published import NothingPublishedError

LOG = logging.getLogger(__name__)

FAILED = (
    "The data could not be read. See the dashboard's log; the page tries again as soon as "
    "something new is published, or when it is opened again."
)
OUTDATED = (
    "The snapshot was published by an earlier version of the project, and lacks what this page "
    "shows. Any run publishes a new one, and so does the job `publish`."
)

SEARCH_LABEL = "Search titles, people, tables (Ctrl K)"
GENRES = "SELECT genre FROM prepared.genres ORDER BY genre"


@dataclass(frozen=True)
class Page:
    """A page of the dashboard.

    Attributes:
        path: its address; that of an entity's page goes on with the entity: `/series/944947`.
        title: its name in the navigation.
        summary: a sentence about its content.
        fields: its choices, beyond the slicers.
        slicers: the global fields that apply to it, which the filter bar shows.
        bar: its own fields that it shows in a filter bar; the others get chips.
        load: loads the page's data of a state from a snapshot.
        build: creates the page's components within the current context, and returns the function
            that shows loaded data in them.
        entity: the choice of what the page is about, one of `fields`.
        resolve: returns the state with an entity, where the address names none, or a former one.
        is_listed: whether the navigation has it.
    """

    path: str
    title: str
    summary: str
    fields: tuple[Field, ...]
    slicers: tuple[Field, ...]
    load: Callable[[OpenSnapshot, State], Awaitable[Any]]
    build: Callable[["Visit"], Callable[[Any], None]]
    entity: Field | None = None
    resolve: Callable[[OpenSnapshot, State], Awaitable[State]] | None = None
    is_listed: bool = True
    bar: tuple[Field, ...] = ()

    def address(self, state: State) -> str:
        """Return the address of the page in a state."""
        return state.address(self.path, self.all_fields, self.entity)

    def read(self, path: str, query: QueryParams) -> tuple[State, list[str]]:
        """Parse an address of the page, see `filters.read`."""
        named = unquote(path.removeprefix(self.path).removeprefix("/"))
        texts = {self.entity.name: named} if self.entity and named else {}
        return read(query, self.all_fields, texts)

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Return all fields of its address."""
        return GLOBAL + self.fields

    @property
    def filters(self) -> tuple[Field, ...]:
        """Return the fields that filter it."""
        return (*self.slicers, *(one for one in self.fields if one.has_chip))


class UnknownEntityError(LookupError):
    """The address names something that the snapshot does not have. The message says so."""


class Visit:
    """One browser tab on a page."""

    def __init__(
        self, page: Page, pages: Sequence[Page], reader: SnapshotReader, request: Request
    ) -> None:
        """Build the page's frame; the data is loaded once the browser has it.

        Args:
            page: the page.
            pages: all pages, for the navigation.
            reader: the reader of snapshots.
            request: asks for the page's address.
        """
        self.page, self._reader = page, reader
        # As it was sent: decoded, a key may have the signs that divide an address.
        path = request.scope["raw_path"].decode("latin-1")
        self.state, self._notices = page.read(path, request.query_params)
        self._address = f"{path}?{request.url.query}".removesuffix("?")
        self._turn = 0
        self._shown: str | None = None
        self._links: list[tuple[Page, ui.link]] = []
        self._client = ui.context.client
        ui.colors(primary=theme.ACCENT, dark_page=theme.PAGE, dark=theme.SURFACE)
        self._status = self._header(pages)
        with box("div", "content").props("tabindex=-1") as content:
            text("h1", page.title)
            text("p", page.summary, "lead")
            self._slicers = Slicers(self)
            self._notice = text("p", "", "notice").props("role=status aria-live=polite")
            self._missing = text("p", "", "missing").props("role=alert")
            with box("div", "grid") as self._body:
                self._show = page.build(self)
        self._missing.set_visibility(False)
        ui.skip_link("Skip to the content", target=content)
        _footer().move(self._client.layout)
        self._follow()
        ui.on_exception(self._failed)
        ui.on("moved", self._moved)
        ui.run_javascript(
            "window.addEventListener('popstate', () => emitEvent('moved', "
            "[location.pathname, location.search]))"
        )
        ui.timer(POLL_SECONDS, self._look)
        self._reload()

    def _header(self, pages: Sequence[Page]) -> TextElement:
        # Outside of NiceGUI's <main>, like the footer: both are landmarks of their own.
        with box("header", "top") as header:
            ui.link("movies_assets", "/").classes("brand")
            with box("nav").props("aria-label=Pages"):
                for other in filter(lambda page: page.is_listed, pages):
                    link = ui.link(other.title, other.path)
                    if other is self.page:
                        link.props("aria-current=page")
                    self._links.append((other, link))
            Picker(SEARCH_LABEL, self._search, ui.navigate.to).focus_on("k")
            status = text("p", "Loading …", "status").props("role=status")
            text("button", "Theme", "theme").props("type=button title='Light or dark'").on(
                "click", js_handler="() => switchTheme()"
            )
        header.move(self._client.layout, target_index=0)
        return status

    async def _search(self, sought: str) -> list[Option]:
        try:
            return await search(await self._reader.snapshot(), sought)
        except NothingPublishedError:
            return []

    async def snapshot(self) -> OpenSnapshot:
        """Return the newest snapshot, for queries in addition to the page's own data."""
        return await self._reader.snapshot()

    def change(self, **values: Any) -> None:
        """Choose values; None removes one."""
        self._go(self.state.change(**values))

    def toggle(self, picked: Mapping[str, Any]) -> None:
        """Choose the clicked values, or remove them if they are chosen already.

        Args:
            picked: texts by field, as in the address. They come from the browser, so they are
                validated like an address.
        """
        fields = {one.name: one for one in self.page.all_fields}
        try:
            values = {name: parsed(fields[name], str(given)) for name, given in picked.items()}
        except (KeyError, ValueError):
            return
        self._go(self.state.toggle(**values))

    def _go(self, state: State) -> None:
        if state == self.state:
            return
        self.state, self._notices = state, []
        self._address = self.page.address(state)
        with self._client:
            ui.navigate.history.push(self._address)
        self._follow()
        self._reload()

    def notify(self, words: str) -> None:
        """Show a notice until the next choice."""
        self._notice.set_text(words)

    def _moved(self, event: GenericEventArguments) -> None:
        """Follow the browser's back and forward buttons."""
        # Messages of the browser are untrusted.
        path, search = (
            [*map(str, event.args), "", ""][:2] if isinstance(event.args, list) else ("", "")
        )
        self.state, self._notices = self.page.read(path, QueryParams(search.removeprefix("?")))
        self._address = path + search
        self._follow()
        self._reload()

    def _follow(self) -> None:
        """Update links and slicers to the state."""
        for other, link in self._links:
            link.props["href"] = self.state.only(GLOBAL).address(other.path, GLOBAL)
        self._slicers.follow(self.state)

    def _look(self) -> None:
        """Load again if a new snapshot was published."""
        if self._shown is not None and self._reader.name != self._shown:
            self._reload()

    def _reload(self) -> None:
        self._turn += 1
        background_tasks.create(self._read(self._turn), name="dashboard", context=self._client)

    async def _read(self, turn: int) -> None:
        """Load the data of the state, and show it unless the visitor has moved on."""
        self._body.props("aria-busy=true")
        try:
            snapshot = await self._reader.snapshot()
            state, notices = await self._known(snapshot)
            status, genres, data = await asyncio.gather(
                snapshot.ask(SNAPSHOT), snapshot.ask(GENRES), self.page.load(snapshot, state)
            )
        except NothingPublishedError as error:
            self._show_missing(turn, "", str(error))
        except UnknownEntityError as error:
            self._show_missing(turn, snapshot.name, str(error))
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            LOG.warning("the snapshot %s lacks what a page reads: %s", snapshot.name, error)
            self._show_missing(turn, snapshot.name, OUTDATED)
        except duckdb.Error:
            LOG.exception("a page of the dashboard could not be read")
            self._failed()
        else:
            if turn == self._turn and not self._client.is_deleted:
                self._name(state)
                self._shown = snapshot.name
                self._slicers.offer([row["genre"] for row in genres])
                self._follow()
                self._status.set_text(status_text(status))
                self._notice.set_text(" ".join(self._notices + notices))
                self._missing.set_visibility(False)
                self._body.set_visibility(True)
                # Until then its cards are invisible: they would move when they get their data.
                self._body.classes("ready")
                with self._client:
                    self._show(data)
        if turn == self._turn:
            self._body.props("aria-busy=false")

    def _failed(self) -> None:
        """Show that loading failed; the caller has logged the error."""
        self._show_missing(self._turn, self._reader.name or "", FAILED)

    def _show_missing(self, turn: int, name: str, why: str) -> None:
        if turn != self._turn or self._client.is_deleted:
            return
        self._shown = name
        self._missing.set_text(why[:1].upper() + why[1:])
        self._missing.set_visibility(True)
        self._body.set_visibility(False)
        self._status.set_text("nothing to show")

    def _name(self, state: State) -> None:
        """Take over a state, and let the address of an entity's page name what it shows."""
        self.state, address = state, self.page.address(state)
        if self.page.entity and address != self._address:
            self._address = address
            with self._client:
                ui.navigate.history.replace(address)

    async def _known(self, snapshot: OpenSnapshot) -> tuple[State, list[str]]:
        """Return the state without values that the snapshot does not have, and the notices.

        Its entity comes first: other values may be valid for one entity only.
        """
        state, notices = self.state, []
        if self.page.resolve:
            state = await self.page.resolve(snapshot, state)
        fields = sorted(self.page.all_fields, key=lambda one: one is not self.page.entity)
        for one in fields:
            value = state[one.name]
            if value is None or not one.known:
                continue
            chosen = {other.name: state[other.name] for other in fields}
            if not await snapshot.ask(one.known, **chosen, value=value):
                if one is self.page.entity:
                    raise UnknownEntityError(
                        f"There is no {one.label.lower()} {one.show(value)} here. Search for "
                        "another one above."
                    )
                state = state.change(**{one.name: None})
                notices.append(notice_of(one))
        return state, notices


class Slicers:
    """The global filters, and chips for all other choices."""

    def __init__(self, visit: Visit) -> None:
        """Create the filters that apply to the visit's page."""
        self._visit = visit
        self._following = False
        self._first = self._last = self._genre = None
        with box("div", "slicers").props("role=group aria-label=Filters"):
            if YEARS in visit.page.slicers:
                self._first = self._year("From year")
                self._last = self._year("To year")
            if GENRE in visit.page.slicers:
                self._genre = (
                    ui.select([], label="Genre", clearable=True, on_change=self._changed)
                    .props("dense outlined options-dense popup-content-class=options")
                    .classes("genre")
                )
            self._names = [one.name for one in visit.page.filters]
            with box("div", "chips"):
                self._chips: dict[Field, TextElement] = {}
                for one in visit.page.filters:
                    if one not in visit.page.slicers + visit.page.bar:
                        self._chips[one] = self._chip(one)
                self._clear = text("button", "Clear all", "clear").props("type=button")
                self._clear.on("click", lambda: visit.change(**dict.fromkeys(self._names)))

    def _year(self, label: str) -> ui.number:
        made = ui.number(label, min=FIRST_YEAR, max=LAST_YEAR, step=1, precision=0, format="%d")
        made.props('dense outlined debounce=500 inputmode=numeric autocomplete="off"')
        made.classes("year").on_value_change(self._changed)
        return made

    def offer(self, genres: list[str]) -> None:
        """Offer the existing genres."""
        if self._genre is not None and self._genre.options != genres:
            with self._quietly():
                self._genre.set_options(genres, value=self._visit.state["genre"])

    def follow(self, state: State) -> None:
        """Show what is chosen."""
        first, last = state["years"] or (None, None)
        for made, value in ((self._first, first), (self._last, last)):
            if made is not None and made.value != value:
                with self._quietly():
                    made.set_value(value)
        # `offer` chooses a genre that is not offered yet.
        if self._genre is not None and state["genre"] in {None, *self._genre.options}:
            with self._quietly():
                self._genre.set_value(state["genre"])
        for one, chip in self._chips.items():
            chip.set_visibility(state[one.name] is not None)
            if state[one.name] is not None:
                words = f"{one.label}: {one.show(state[one.name])}"
                chip.set_text(words)
                chip.props["aria-label"] = f"Remove the filter {words}"
        self._clear.set_visibility(any(state[name] is not None for name in self._names))

    def _chip(self, one: Field) -> TextElement:
        chip = text("button", "", "chip").props("type=button")
        chip.on("click", lambda: self._visit.change(**{one.name: None}))
        return chip

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Update the fields without handling the changes as choices."""
        self._following = True
        try:
            yield
        finally:
            self._following = False

    def _changed(self) -> None:
        """Apply the visitor's input; say so where the years cannot be applied."""
        if self._following:
            return
        values: dict[str, Any] = {}
        if self._first is not None and self._last is not None:
            given = [made.value for made in (self._first, self._last)]
            first, last = (None if value is None else int(value) for value in given)
            if not all(year is None or FIRST_YEAR <= year <= LAST_YEAR for year in (first, last)):
                self._visit.notify(f"Years are from {FIRST_YEAR} to {LAST_YEAR}.")
                return
            if first is not None and last is not None and first > last:
                self._visit.notify("The first year is after the last: nothing is filtered by them.")
                return
            values["years"] = None if first is None and last is None else (first, last)
        if self._genre is not None:
            values["genre"] = self._genre.value
        self._visit.change(**values)


def status_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the time of publishing, and the outcomes of the checks."""
    if not rows:
        return "published, without a date"
    (row,) = rows
    parts = [f"{formatting.plural(row['passed'], 'check')} passed"]
    parts += [
        f"{formatting.count(row[verdict])} {verdict}" for verdict in reversed(FOUND) if row[verdict]
    ]
    age = (
        f" · {row['held_back']} as of {formatting.instant(row['taken_at'])}"
        if row["held_back"]
        else ""
    )
    return f"published {formatting.instant(row['published_at'])} · {', '.join(parts)}{age}"


def _footer() -> Element:
    with box("footer", "bottom") as footer:
        text("p", "All data comes from the published snapshot, which passed its blocking "
             "checks. The address contains the filters: copy it to share a view.")  # fmt: skip
    return footer
