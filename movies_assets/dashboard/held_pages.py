"""How many pages the server holds for browsers: NiceGUI keeps each in memory, 0.6 MB of it.

A page is built with the answer to its request, and lives as long as its websocket. One whose
browser never opens it (a crawler, a script, a lost connection) would live for 60 to 70 seconds, and
there would be as many of them as somebody asks for.
"""

import asyncio
from collections import Counter

from nicegui import Client

from movies_assets.settings import DashboardSettings

LOOK_SECONDS = 1.0


class HeldPages:
    """The pages of this process; NiceGUI has one list of them."""

    def __init__(self, limits: DashboardSettings) -> None:
        """Take how many there may be, and how long a page may wait for its websocket."""
        self._limits = limits

    def has_room(self) -> bool:
        """Return whether the page that is being built may be held, and make room for it.

        Too many unopened pages are dropped from the oldest on, those of the address that has most
        of them first. A browser whose page was dropped loads it again.
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
        """Drop each second the pages that have waited too long, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            Client.prune_instances(client_age_threshold=self._limits.unopened_seconds)
