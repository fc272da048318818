"""Which fault strikes when, in market time: the same for the same faults, seed and span. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from streams.simulator.faultkinds import length_ms
from streams.simulator.hours import NEW_YORK, at, date_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.simulator.irregular import Irregularity

MOST_A_PERIOD: Final = 1_000
BY_HAND: Final = -1
"""Number of the fault of a strike that came by the control port."""

_RATE = re.compile(r"(\d{1,4})/(minute|hour)")
_PERIOD_MS: Final = {"minute": 60_000, "hour": 3_600_000}


class Moment(NamedTuple):
    """When: so many milliseconds after the start, or at a time in New York, on one day or on all."""

    offset_ms: int = 0
    time: time | None = None
    day: date | None = None


class Rate(NamedTuple):
    """So many in every period, counted from the start."""

    times: int
    period_ms: int


class Fault(NamedTuple):
    """One entry of a file of faults.

    Attributes:
        kind: see `faultkinds.KINDS`.
        settings: all of its kind.
        at: when it strikes.
        rate: how often it does, at times by the seed; None for not beyond `at`.
        between: hours of New York outside of which `rate` is not followed, the second excluded; None for none.
    """

    kind: str
    settings: Mapping[str, Any]
    at: tuple[Moment, ...] = ()
    rate: Rate | None = None
    between: tuple[time, time] | None = None


class Faults(NamedTuple):
    """What a file of faults says.

    Attributes:
        faults: its entries.
        seed: another one picks other times, bars and clients.
        irregularity: of the feed as a whole; None for none.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 1
    irregularity: Irregularity | None = None


class Strike(NamedTuple):
    """One fault at one time.

    Attributes:
        at_ms: market time.
        kind: see `faultkinds.KINDS`.
        settings: all of its kind.
        fault: number of the entry, from 0; `BY_HAND` for none.
        number: of the strike within its fault.
        seed: of the file.
    """

    at_ms: int
    kind: str
    settings: Mapping[str, Any]
    fault: int = BY_HAND
    number: int = 0
    seed: int = 1

    def rng(self) -> np.random.Generator:
        """What this strike picks by; no other one has the same."""
        return np.random.default_rng([self.seed, self.fault + 1, self.number + 1])  # numpy passes over zeros at the end


def read_moment(given: object) -> Moment:
    """``"09:45"``, ``"09:45:30.5"``, ``"2025-03-10 09:45"`` in New York, or ``"+90s"`` after the start; ValueError."""
    if not isinstance(given, str):
        raise ValueError(given)  # noqa: TRY004 (one kind of error for what is no moment)
    if given.startswith("+"):
        return Moment(offset_ms=length_ms(given[1:]))
    day, space, moment = given.strip().rpartition(" ")
    when = time.fromisoformat(moment)
    if when.tzinfo or ":" not in moment:
        raise ValueError(given)
    return Moment(time=when, day=date.fromisoformat(day) if space else None)


def read_rate(given: object) -> Rate:
    """``"3/minute"`` or ``"12/hour"``, up to `MOST_A_PERIOD`; ValueError."""
    match = _RATE.fullmatch(given) if isinstance(given, str) else None
    if match is None or not 1 <= int(match[1]) <= MOST_A_PERIOD:
        raise ValueError(given)
    return Rate(int(match[1]), _PERIOD_MS[match[2]])


def read_between(given: object) -> tuple[time, time]:
    """``["09:30", "16:00"]``, the first before the second; ValueError."""
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(one, str) for one in given):  # noqa: PLR2004
        raise ValueError(given)
    begin, end = map(time.fromisoformat, given)
    if begin.tzinfo or end.tzinfo or begin >= end:
        raise ValueError(given)
    return begin, end


def strikes(plan: Faults, start_ms: int, end_ms: int) -> Sequence[Strike]:
    """All strikes of a market from `start_ms` to `end_ms`, in order of time.

    A fault added at the end of a file, or another setting, moves no other fault's strikes.
    """
    found: list[Strike] = []
    for number, fault in enumerate(plan.faults):
        times = sorted({*_named(fault, start_ms, end_ms), *_drawn(fault, number, plan.seed, start_ms, end_ms)})
        found += (
            Strike(at_ms, fault.kind, fault.settings, number, k, plan.seed)
            for k, at_ms in enumerate(times)
            if start_ms <= at_ms < end_ms
        )
    return sorted(found, key=lambda strike: (strike.at_ms, strike.fault, strike.number))


def idle(plan: Faults, planned: Sequence[Strike]) -> Sequence[int]:
    """Numbers, from 0, of the faults that never strike."""
    return sorted({*range(len(plan.faults))} - {strike.fault for strike in planned})


def _named(fault: Fault, start_ms: int, end_ms: int) -> Iterator[int]:
    for moment in fault.at:
        if moment.time is None:
            yield start_ms + moment.offset_ms
        elif moment.day is not None:
            yield at(moment.day, moment.time)
        else:
            yield from (at(day, moment.time) for day in _days(start_ms, end_ms))


def _days(start_ms: int, end_ms: int) -> Iterator[date]:
    day, last = date_of(start_ms), date_of(end_ms)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _drawn(fault: Fault, number: int, seed: int, start_ms: int, end_ms: int) -> Iterator[int]:
    if fault.rate is None:
        return
    rng = np.random.default_rng([seed, number + 1])
    for begin_ms in range(start_ms, end_ms, fault.rate.period_ms):
        times = begin_ms + rng.choice(fault.rate.period_ms, fault.rate.times, replace=False)
        yield from (at_ms for at_ms in times.tolist() if _inside(fault.between, at_ms))


def _inside(between: tuple[time, time] | None, at_ms: int) -> bool:
    if between is None:
        return True
    return between[0] <= datetime.fromtimestamp(at_ms / 1000, NEW_YORK).time() < between[1]
