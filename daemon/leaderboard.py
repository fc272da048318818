"""Publishes the leaderboard: takes what the engine's thread leaves behind, and never makes it wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from redis.exceptions import RedisError

from daemon import sectorfile
from daemon.alertedtoday import AlertedToday
from daemon.boardrows import hashes_of, scores_of
from daemon.ranking import Ranker
from streams.redis.board import Board, Written
from streams.redis.connection import DEADLINE_S, check_url, connect
from streams.redis.verdict import BACKOFF, LIES, judge

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from daemon.app import App
    from daemon.engine.engine import Engine
    from daemon.engine.sessions import SessionTable
    from daemon.ranking import Ranking
    from streams.outbox import Stored
    from streams.redis.verdict import Backoff, Verdict
    from streams.types import Clock

log = structlog.get_logger()

WRITE_S: Final = 20.0
"""A ranking that takes longer to be written is given up for the newest one."""

FIRST_S: Final = 0.25
"""What the engine's thread leaves behind waits so long: alerts of the same minute are on their way."""

RESTS: Final = 4
"""After a ranking is written, the task rests for so many times as long: minutes of a simulator that hurries must not
fill the event loop with it."""

REMEMBERED: Final = 5_000
"""Newest alerts in Redis that a start looks through for those of its day."""


class Leaderboard:
    """Writes the newest ranking to Redis, again and again; one that is overtaken is skipped and counted.

    `leave` is for the engine's thread, all else for the event loop, on which it is made. `run` never ends by itself;
    it alone tries again, over a new connection, with the newest ranking. What keeps it from writing is logged once;
    the sink at the same server tells operators.

    Args:
        url: see `streams.redis.connection.connect`.
        prefix: what the names of keys begin with.
        ranker: takes rankings.
        sectors: of symbols, as far as they are known.
        sessions: the exchange's hours.
        clock: the machine's.
        jitter: for the pauses between tries.
        deadline_s: for each exchange with the server.
        backoff: between tries.

    Raises:
        RedisUrlError: no client can be made of `url`.

    Attributes:
        written: rankings that stand in Redis, or did.
        skipped: rankings that a newer one overtook.
        failures: tries that failed since the last success.
        newest: what was sent of the last ranking.
        rank_s: what the last ranking cost the engine's thread.
        write_s: how long the last ranking took to be written.
        closed_ms: newest closed minute that stands in Redis, 0 before the first.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        ranker: Ranker,
        sectors: Mapping[str, str],
        sessions: SessionTable,
        clock: Clock,
        jitter: random.Random,
        *,
        deadline_s: float = DEADLINE_S,
        backoff: Backoff = BACKOFF,
    ) -> None:
        check_url(url)
        self._url, self._prefix, self._ranker, self._sectors = url, prefix, ranker, sectors
        self._clock, self._jitter = clock, jitter
        self._deadline_s, self._backoff = deadline_s, backoff
        self._loop, self._left = asyncio.get_running_loop(), asyncio.Event()
        self._waiting: Ranking | None = None
        self._alerted, self._recalled = AlertedToday(sessions), False
        self.written = self.skipped = self.failures = self.closed_ms = 0
        self.rank_s = self.write_s = 0.0
        self.newest = Written()

    def leave(self, engine: Engine) -> None:
        """A minute has closed; in the engine's thread, between two steps."""
        started_s = self._clock.monotonic_s()
        try:
            ranking = self._ranker.rank(engine)
        except Exception:
            log.exception("no ranking")  # the engine goes on without
            return
        self.rank_s = self._clock.monotonic_s() - started_s
        self._loop.call_soon_threadsafe(self._take, ranking)

    def follow(self, stored: Sequence[Stored]) -> None:
        """Alerts of today: their symbols are shown until the day is over."""
        for alert in stored:
            self._alerted.told(alert.fields["data"])
        self._ranker.noted = self._alerted.symbols

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            try:
                async with connect(self._url) as client:
                    await self._publish(Board(client, self._prefix, self._deadline_s))
            except (RedisError, OSError, *LIES) as error:
                await asyncio.sleep(self._failed(judge(error)))

    async def _publish(self, board: Board) -> None:
        """Write until an exchange fails."""
        while True:
            await self._left.wait()
            await asyncio.sleep(FIRST_S)
            self._left.clear()
            ranking, self._waiting = self._waiting, None
            if ranking is not None:
                await self._write(board, ranking)
                await self._recall(board)
                await asyncio.sleep(RESTS * self.write_s)

    async def _write(self, board: Board, ranking: Ranking) -> None:
        started_s = self._clock.monotonic_s()
        hashes = hashes_of(ranking, self._sectors)
        try:
            async with asyncio.timeout(WRITE_S):
                self.newest = await board.write(scores_of(ranking), hashes, started_s)
        except BaseException:
            self._again(ranking)
            raise
        self.write_s = self._clock.monotonic_s() - started_s
        self.written, self.failures, self.closed_ms = self.written + 1, 0, ranking.closed_ms

    def _take(self, ranking: Ranking) -> None:
        """The newest one; what nobody has begun to write is overtaken."""
        self.skipped += self._waiting is not None
        self._waiting = ranking
        self._left.set()
        if self._alerted.begin(ranking.day):
            self._ranker.noted = self._alerted.symbols

    def _again(self, ranking: Ranking) -> None:
        """Not written: it is tried again, unless a newer one waits."""
        if self._waiting is None:
            self._waiting = ranking
            self._left.set()
        else:
            self.skipped += 1

    def _failed(self, verdict: Verdict) -> float:
        """Note it, and return the seconds to wait."""
        self.failures += 1
        if self.failures == 1:
            log.warning("leaderboard not written", what=verdict.what, remedy=verdict.remedy)
        return self._backoff.cap_s if verdict.state == "refused" else self._backoff.delay_s(self.failures, self._jitter)

    async def _recall(self, board: Board) -> None:
        """Today's alerts of runs before, from the stream; tried once, for whatever keeps it may stay."""
        if self._recalled:
            return
        self._recalled = True
        async for fields in board.newest_alerts(REMEMBERED):
            if self._alerted.recalled(fields.get(b"data", b"")):
                break
        self._ranker.noted = self._alerted.symbols


def of(app: App, jitter: random.Random) -> Leaderboard | None:
    """That of `app`; None where it is switched off."""
    leaders, sessions = app.config.redis.leaders, app.calendar.sessions
    if not leaders:
        return None
    sectors = sectorfile.configured(app.config.engine)
    ranker, prefix = Ranker(sessions, leaders), app.config.redis.prefix
    return Leaderboard(app.redis_url, prefix, ranker, sectors, sessions, app.clock, jitter)
