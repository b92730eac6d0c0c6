"""Limit the pages that the server holds for browsers: each takes NiceGUI 0.6 MB of memory.

A page is built with the response to its request, and lives as long as its websocket. If the client
never opens that (a crawler, a script, a lost connection), the page would live for 60 to 70 seconds,
and requests could create any number of them.
"""

import asyncio
from collections import Counter

from nicegui import Client

from movies_assets.dashboard.connections import POLL_SECONDS
from movies_assets.settings import DashboardSettings


class HeldPages:
    """The pages of this process: NiceGUI has one list of them."""

    def __init__(self, limits: DashboardSettings) -> None:
        """Set the most pages, and how long a page may wait for its websocket."""
        self._limits = limits

    def has_room(self) -> bool:
        """Make room for the page that is being built, and return whether it may be held.

        Surplus unopened pages are dropped, first the oldest of the address that has most of them.
        A browser whose page was dropped loads it again.
        """
        unopened = [client for client in Client.instances.values() if client.environ is None]
        counts = Counter(client.ip for client in unopened)
        for _ in range(len(unopened) - self._limits.unopened_pages):
            ((address, _number),) = counts.most_common(1)
            oldest = next(client for client in unopened if client.ip == address)
            unopened.remove(oldest)
            counts[address] -= 1
            oldest.delete()
        return len(Client.instances) <= self._limits.pages

    async def watch(self) -> None:
        """Drop pages that have waited too long, each second until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            Client.prune_instances(client_age_threshold=self._limits.unopened_seconds)
