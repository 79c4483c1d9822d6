"""Time in the loop: one timer for machines that each say when they want to be looked at, and a rhythm."""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` at the earliest instant that was set; after ringing, nothing is set."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self._at = float("inf")

    def set(self, due: float) -> None:
        """Ring at `due` (the loop's clock) at the latest; infinity changes nothing."""
        if due >= self._at:
            return
        self.cancel()
        self._at = due
        self._handle = asyncio.get_running_loop().call_at(due, self._go)

    def cancel(self) -> None:
        """Do not ring."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._at = None, float("inf")

    def _go(self) -> None:
        self._handle, self._at = None, float("inf")
        self._ring()


async def every(seconds: float, call: Callable[[], None]) -> None:
    """Call it again and again, first after so many seconds, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        call()
