"""Work that runs beside requests, from the start of the service to its end."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Tasks that are ended together."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *works: Coroutine[Any, Any, None]) -> None:
        """Runs each in a task of its own."""
        self._tasks += [asyncio.create_task(work) for work in works]

    async def close(self) -> None:
        """Cancels them, wherever they are, and waits until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
