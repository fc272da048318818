"""`technic simulate`."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from datetime import datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TextIO

from daemon import faultsfile
from daemon.clock import SystemClock
from daemon.commands.errors import FaultsFileError
from daemon.commands.until import run_until_stopped
from streams.barfile import open_bars
from streams.companyfile import read_companies
from streams.dailyfile import read_daily
from streams.simulator.control import Control
from streams.simulator.corporate import Corporate
from streams.simulator.corporatefile import read_corporate
from streams.simulator.filetape import FileTape
from streams.simulator.hours import NEW_YORK
from streams.simulator.market import SyntheticMarket
from streams.simulator.rest import Archive
from streams.simulator.resthttp import Terms
from streams.simulator.schedule import Faults, idle
from streams.simulator.server import FEED_PATH, Simulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from streams.simulator.chronicle import Record


class Choice(NamedTuple):
    """What to serve: the bars of a file, or a synthetic market.

    Attributes:
        bars: the file, None for a synthetic market.
        length_ms: of the file's bars.
        synthetic: symbols of the synthetic market.
        seed: of the synthetic market.
        day: first day, New York; None for the file's or the market's own first.
        days: how many days from there on; without a first day, of a synthetic market only.
        start: time of day, New York, at which a synthetic market begins; None for the open.
    """

    bars: Path | None
    length_ms: int
    synthetic: int
    seed: int
    day: date | None
    days: int
    start: time | None

    def source(self) -> FileTape | SyntheticMarket:
        """The bars.

        Raises:
            BarFileError: the file is unreadable or foreign.
            SourceError: there are no bars in the time asked for.
        """
        if self.bars is None:
            days: dict[str, Any] = {"first_day": self.day, "days": self.days, "start": self.start}
            given = {name: value for name, value in days.items() if value is not None}
            return SyntheticMarket(self.synthetic, seed=self.seed, **given)
        return FileTape(open_bars(self.bars, self.length_ms), from_ms=self._ms(0), to_ms=self._ms(self.days))

    def _ms(self, days: int) -> int | None:
        """Midnight in New York, so many days after the first one; None if no first one was given."""
        if self.day is None:
            return None
        midnight = datetime.combine(self.day + timedelta(days), time(), NEW_YORK)
        return int(midnight.timestamp() * 1000)


class Trouble(NamedTuple):
    """What goes wrong on purpose.

    Attributes:
        faults: the file that says it, None for none.
        control: port on which faults can be struck by hand, None for none.
    """

    faults: Path | None = None
    control: int | None = None

    def plan(self) -> Faults | None:
        """What the file says; None where nothing is to go wrong.

        Raises:
            RuleErrors: all that is wrong in it.
            FaultsFileError: it cannot be read.
        """
        if self.faults is None:
            return None if self.control is None else Faults()
        try:
            content = self.faults.read_bytes()
        except OSError as error:
            raise FaultsFileError(self.faults, error.strerror or str(error)) from error
        return faultsfile.load_bytes(content, str(self.faults))


class Files(NamedTuple):
    """What REST knows beyond the bars.

    Attributes:
        daily: official daily bars, None for those built of minute bars alone.
        reference: companies, None for plain names.
        corporate: splits, dividends, news, related companies and holidays, None for none.
    """

    daily: Path | None = None
    reference: Path | None = None
    corporate: Path | None = None

    def archive(self, source: FileTape | SyntheticMarket) -> Archive:
        """These files, and the bars of the days before those that are served.

        Raises:
            DailyFileError: the file of daily bars is unreadable or foreign.
            CompanyFileError: that of companies is.
            CorporateFileError: that of splits and so on is.
        """
        earlier = source.earlier() if isinstance(source, FileTape) else ()
        return Archive(
            earlier,
            official=read_daily(self.daily) if self.daily else None,
            symbols=source.symbols,
            companies=read_companies(self.reference) if self.reference else None,
            corporate=read_corporate(self.corporate) if self.corporate else Corporate(),
        )


def simulate(
    choice: Choice,
    files: Files,
    trouble: Trouble,
    *,
    speed: float,
    port: int,
    key: str,
    rest_rate: int | None,
    rest_latency_ms: int,
    on_end: Literal["silence", "close"],
    duration_s: float | None,
    as_json: bool,
) -> None:
    """An exchange on loopback; says where it is on stdout, and runs until stopped or closed.

    Each strike of a fault is one line of JSON: on stdout with `as_json`, else on stderr.
    """
    plan = trouble.plan()
    source = choice.source()
    simulator = Simulator(
        source,
        clock=SystemClock(),
        port=port,
        key=key,
        speed=speed,
        on_end=on_end,
        archive=files.archive(source),
        terms=Terms(rest_rate, rest_latency_ms / 1000),
        faults=plan,
        tell=partial(_line, sys.stdout if as_json else sys.stderr),
    )

    if plan is not None:
        _warn(plan, idle(plan, simulator.planned))

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(simulator)
            control = None
            if trouble.control is not None:
                control = (await stack.enter_async_context(Control(simulator, trouble.control))).port
            _tell(simulator.port, control, as_json=as_json)
            await simulator.wait_finished()
            if on_end == "silence":
                await asyncio.Event().wait()

    run_until_stopped(serve(), duration_s)


def _tell(port: int, control: int | None, *, as_json: bool) -> None:
    place: dict[str, object] = {
        "url": f"ws://127.0.0.1:{port}{FEED_PATH}",
        "rest_url": f"http://127.0.0.1:{port}",
        "port": port,
    }
    if control is not None:
        place["control_url"] = f"http://127.0.0.1:{control}"
    people = f"exchange at {place['url']}, REST at {place['rest_url']}; its time stands until somebody subscribes"
    people += f"; faults by hand at {place['control_url']}" if control is not None else ""
    sys.stdout.write((json.dumps(place) if as_json else people) + "\n")
    sys.stdout.flush()


def _warn(plan: Faults, idle_ones: Sequence[int]) -> None:
    for number in idle_ones:
        name = f"fault {number + 1}, {plan.faults[number].kind}"
        sys.stderr.write(f"technic: {name}, never strikes in the time that is served; see at, rate\n")


def _line(to: TextIO, record: Record) -> None:
    to.write(json.dumps(record) + "\n")
    to.flush()
