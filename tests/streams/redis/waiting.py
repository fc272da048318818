"""Waiting for a condition instead of for a time: what other processes do sets no event here."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


async def eventually(condition: Callable[[], Any], within_s: float = 10.0) -> None:
    """Return once `condition`, plain or a coroutine function, is true; fail when it is not in time."""
    async with asyncio.timeout(within_s):
        while not (await found if inspect.isawaitable(found := condition()) else found):
            await asyncio.sleep(0.005)
