"""Visitors of the dashboard that measure: one in Chromium, and light ones without a browser.

Both choose a filter the way a click on a chart does: with the event that NiceGUI's chart sends when
ECharts reports that a point was clicked. The cost of a chart's hit test is left out.
"""

import ast
import asyncio
import html
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import socketio

Pick = Mapping[str, str]

# A page is still when nothing below its data has changed for so long.
QUIET_MS = 300
MOST_SECONDS = 60
# Observes what holds a page's data. `painted` is the frame after its last change. Nothing is
# decided while it shows that it is busy or loads.
OBSERVE = """
() => {
  const bench = window.bench = { painted: 0 };
  bench.busy = () => {
    const grid = document.querySelector('.grid');
    if (!grid || grid.getAttribute('aria-busy') !== 'false') return 'busy';
    const seen = [...grid.querySelectorAll('*')].filter(one => one.checkVisibility());
    if (seen.some(one => one.matches('.empty, h2, .value') && /^(Loading )?…$/.test(
      one.textContent.trim()))) return 'loading';
    const charts = seen.filter(one => one.matches('.chart'));
    if (charts.some(one => !one.querySelector('svg path'))) return 'a chart is not drawn';
    const tables = seen.filter(one => one.matches('.data'));
    if (tables.some(one => one.checkVisibility() && !one.querySelector('tbody td')
        && !one.closest('details'))) return 'a table is empty';
    return '';
  };
  const isData = node =>
    (node.closest ? node : node.parentElement)?.closest('.grid') || node.querySelector?.('.grid');
  new MutationObserver(records => {
    if (records.some(one => isData(one.target)))
      requestAnimationFrame(() => setTimeout(() => { bench.painted = performance.now(); }));
  }).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  bench.still = since => new Promise((resolve, reject) => {
    const until = performance.now() + MOST_MS;
    const look = () => {
      const now = performance.now();
      // To look at all parts takes some ms: it is done when nothing else happens any more.
      const quiet = bench.painted > since && now - bench.painted > QUIET_MS;
      const why = quiet ? bench.busy() : 'still changing, or nothing has changed';
      if (!why) resolve(bench.painted - since);
      else if (now > until) reject(new Error(why));
      else setTimeout(look, 20);
    };
    look();
  });
  bench.click = pick => {
    const chart = document.querySelector('.nicegui-echart');
    const since = performance.now();
    getElement(chart).$emit('componentClick', {
      componentType: 'series', seriesType: 'bar', seriesIndex: 0, seriesName: '', name: '',
      dataIndex: 0, value: 0, data: {value: 0, pick},
    });
    return bench.still(since);
  };
}
""".replace("QUIET_MS", str(QUIET_MS)).replace("MOST_MS", str(MOST_SECONDS * 1000))
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


def open_in(context: Any, url: str) -> tuple[Any, float, float]:
    """Open a page in a tab of its own.

    Returns:
        The tab, and the milliseconds from navigation to its first contentful paint and until every
        chart and card shows its data.
    """
    page = context.new_page()
    page.add_init_script(f"({OBSERVE})()")
    page.goto(url, wait_until="commit")
    page.wait_for_function("() => window.bench")
    ready = page.evaluate("() => bench.still(0)")
    return page, page.evaluate(PAINTED), ready


class LightClient:
    """One visitor on a page, who speaks NiceGUI's protocol over a compressed websocket.

    Chromium would take more of the processors than the server: twenty tabs measure the browser.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._shown = asyncio.Event()
        self._next_message = 0
        self.received = 0
        # As Chromium does: messages are compressed.
        self._socket = socketio.AsyncClient(websocket_extra_options={"compress": 15})
        self._socket.on("update", self._updated)
        self._socket.on("*", self._other)

    async def open(self, path: str) -> None:
        """Open a page, and wait until it has its data."""
        async with httpx.AsyncClient(timeout=MOST_SECONDS) as client:
            page = (await client.get(self._url + path)).raise_for_status().text
        elements = json.loads(html.unescape(_part(r"String\.raw`(.*?)`\)", page)))
        self._query = ast.literal_eval(_part(r"query: (\{.*?\}),\n", page))
        self._grid = _id(elements, lambda one: "grid" in one.get("class", ()))
        self._chart = _id(elements, lambda one: one["tag"] == "nicegui-echart")
        (self._listener,) = [
            event["listener_id"]
            for event in elements[self._chart]["events"]
            if event["type"] == "componentClick"
        ]
        query = {
            **self._query,
            "implicit_handshake": "true",
            "document_id": self._query["client_id"],
            "tab_id": self._query["client_id"],
        }
        words = "&".join(f"{name}={value}" for name, value in query.items())
        await self._socket.connect(
            f"{self._url}?{words}", transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io", wait_timeout=MOST_SECONDS,
        )  # fmt: skip
        await asyncio.wait_for(self._shown.wait(), MOST_SECONDS)

    async def click(self, pick: Pick) -> float:
        """Choose a filter; return the milliseconds until the page's new data is all there."""
        self._shown.clear()
        point = {
            "componentType": "series", "seriesType": "bar", "seriesIndex": 0, "seriesName": "",
            "name": "", "dataIndex": 0, "value": 0, "data": {"value": 0, "pick": pick},
        }  # fmt: skip
        started = time.perf_counter()
        await self._socket.emit(
            "event",
            {
                "id": int(self._chart),
                "client_id": self._query["client_id"],
                "listener_id": self._listener,
                "args": [json.dumps(point)],
            },
        )
        await asyncio.wait_for(self._shown.wait(), MOST_SECONDS)
        took = (time.perf_counter() - started) * 1000
        await self._acknowledge()
        return took

    async def close(self) -> None:
        await self._socket.disconnect()

    async def _acknowledge(self) -> None:
        client = self._query["client_id"]
        await self._socket.emit("ack", {"client_id": client, "next_message_id": self._next_message})

    def _updated(self, message: dict[str, Any]) -> None:
        """Notice that the page is not busy any more: that comes in one message with its data."""
        self._next_message = message.pop("_id") + 1
        self.received += len(json.dumps(message))
        grid = message.get(self._grid)
        if grid and grid["props"].get("aria-busy") == "false":
            self._shown.set()

    def _other(self, _: str, message: Any = None) -> None:
        if isinstance(message, dict) and "_id" in message:
            self._next_message = message["_id"] + 1


async def all_at_once(
    url: str, path: str, rounds: Sequence[Sequence[Pick]]
) -> tuple[list[float], list[float]]:
    """Let a client for each filter of a round choose it at the same time, round after round.

    Returns:
        The milliseconds of all clicks, and of each round until its last one.
    """
    clients = [LightClient(url) for _ in rounds[0]]
    await asyncio.gather(*(client.open(path) for client in clients))
    clicks, whole = [], []
    for picks in rounds:
        took = await asyncio.gather(
            *(client.click(pick) for client, pick in zip(clients, picks, strict=True))
        )
        clicks += took
        whole.append(max(took))
    await asyncio.gather(*(client.close() for client in clients))
    return clicks, whole


def _part(pattern: str, page: str) -> str:
    found = re.search(pattern, page, re.DOTALL)
    assert found, pattern
    return found[1]


def _id(elements: Mapping[str, Any], fits: Any) -> str:
    return next(id_ for id_, element in elements.items() if fits(element))
