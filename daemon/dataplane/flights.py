"""Several who ask for the same at the same time share one request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")


class Flights(Generic[T]):
    """Requests under way, by what they ask for.

    Attributes:
        shared: askers that were served by another's request.
    """

    def __init__(self) -> None:
        self.shared = 0
        self._flights: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, what: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to `what`: of a request under way, else of `ask`.

        One that is cancelled hands its place on: the next who waits asks anew. An error reaches all who share it.
        """
        while (flight := self._flights.get(what)) is not None:
            try:
                answer = await asyncio.shield(flight)
            except asyncio.CancelledError:
                if not flight.cancelled() or _is_cancelled():
                    raise
            else:
                self.shared += 1
                return answer
        return await self._lead(what, ask)

    async def _lead(self, what: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        flight = self._flights[what] = asyncio.get_running_loop().create_future()
        try:
            answer = await ask()
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # told to the one who asked, whether or not anybody shares it
            raise
        except BaseException:
            flight.cancel()
            raise
        else:
            flight.set_result(answer)
            return answer
        finally:
            del self._flights[what]


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
