"""What becomes of bars on their way to the clients: late, twice, wrong first, shuffled, dropped, held back. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from streams.bars import SYMBOL
from streams.simulator.faultkinds import ANY, BAD, BAR_KINDS
from streams.simulator.irregular import incomplete
from streams.simulator.tape import Emission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.simulator.schedule import Strike
    from streams.types import Flags

_DISORDER_STEP_MS: Final = 100


class Delivery(NamedTuple):
    """Bars for the clients.

    Attributes:
        emission: the bars.
        bad: by position, which bad element comes behind that bar.
    """

    emission: Emission
    bad: Mapping[int, str] = {}


class Touched(NamedTuple):
    """What a strike did to bars."""

    strike: Strike
    what: Mapping[str, object]


class _Armed:
    """A strike that looks for its bars."""

    def __init__(self, strike: Strike) -> None:
        self.strike, self.rng = strike, strike.rng()
        self.left: int = strike.settings.get("count", 1)
        self._symbols = np.array([name.encode() for name in strike.settings.get("symbols", ())], SYMBOL)

    def over(self, now_ms: int) -> bool:
        """Whether there is nothing left to touch."""
        length_ms = self.strike.settings["for"]
        return now_ms >= self.strike.at_ms + length_ms if length_ms else self.left == 0

    def choose(self, emission: Emission) -> Flags:
        """``bool[n]``: the bars it touches."""
        bars, asked = emission.prints.bars, self.strike.settings
        fits = np.full(bars.size, asked["channel"] in ("", emission.prefix))
        if self._symbols.size:
            fits &= np.isin(bars.symbol, self._symbols)
        if asked["for"]:
            share: float = asked["share"]
            return fits & (self.rng.random(bars.size) < share)
        found = np.flatnonzero(fits)
        taken = self.rng.choice(found, min(self.left, found.size), replace=False) if found.size else found
        self.left -= taken.size
        chosen = np.zeros(bars.size, np.bool_)
        chosen[taken] = True
        return chosen


class Distortion:
    """Strikes in force, and what they make of bars."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._floods: list[Strike] = []
        self._held_ms = 0
        self._invented = 0

    def strike(self, strike: Strike) -> None:
        """Take up a strike of `faultkinds.BAR_KINDS`, or a flood."""
        if strike.kind in BAR_KINDS:
            self._armed.append(_Armed(strike))
            self._armed.sort(key=lambda armed: armed.strike.kind == "bad")  # once it is clear which bars come
            return
        self._held_ms = max(self._held_ms, strike.at_ms + strike.settings["for"])
        if strike.settings["invented"]:
            self._floods.append(strike)

    def held_ms(self, due_ms: int) -> int:
        """When what is due now may leave: then, or at the end of a flood."""
        return max(due_ms, self._held_ms)

    def take(self, emission: Emission) -> tuple[Sequence[Delivery], Sequence[Touched]]:
        """What becomes of the bars that are due: deliveries, now or later by their due times, and what was touched."""
        self._armed = [armed for armed in self._armed if not armed.over(emission.due_ms)]
        rest, bad = emission, dict[int, str]()
        later: list[Delivery] = []
        touched: list[Touched] = []
        for armed in self._armed:
            chosen = armed.choose(rest)
            if not chosen.any():
                continue
            if armed.strike.kind == "bad":
                chosen_bad = _spoil(chosen, armed)
                bad |= chosen_bad
                told: Mapping[str, object] = {"bars": _named(rest, chosen), "how": list(chosen_bad.values())}
            else:
                told = {"bars": _named(rest, chosen)}
                rest, more = _DEEDS[armed.strike.kind](rest, chosen, armed)
                later += map(Delivery, more)
                if more:
                    told["sent_ms"] = [each.due_ms for each in more for _ in range(each.prints.bars.size)]
                if armed.strike.kind == "disorder":
                    told["bars"] = [bar for each in more for bar in _named(each, ...)]
            touched.append(Touched(armed.strike, told))
        for flood in self._floods:
            later.append(Delivery(invented := self._invent(emission, flood)))
            names = invented.prints.bars.symbol[[0, -1]].astype("U16").tolist()
            touched.append(Touched(flood, {"invented": invented.prints.bars.size, "first": names[0], "last": names[1]}))
        self._floods.clear()
        first = [Delivery(rest, bad)] if rest.prints.bars.size else []
        return first + later, touched

    def _invent(self, emission: Emission, flood: Strike) -> Emission:
        """Bars of symbols that no exchange lists, otherwise like those of `emission`; never the same names again."""
        count = flood.settings["invented"]
        prints = emission.prints.take(np.arange(count) % emission.prints.bars.size)
        names = np.array([b"ZZ%d-X" % number for number in range(self._invented, self._invented + count)], SYMBOL)
        self._invented += count
        return emission._replace(prints=prints._replace(bars=prints.bars._replace(symbol=names)))


def _late(rest: Emission, chosen: Flags, armed: _Armed) -> tuple[Emission, list[Emission]]:
    return _part(rest, ~chosen), [_part(rest, chosen, armed.strike.settings["delay"])]


def _duplicate(rest: Emission, chosen: Flags, armed: _Armed) -> tuple[Emission, list[Emission]]:
    return rest, [_part(rest, chosen, armed.strike.settings["delay"])]


def _revised(rest: Emission, chosen: Flags, armed: _Armed) -> tuple[Emission, list[Emission]]:
    whole = _part(rest, chosen, armed.strike.settings["delay"])
    return rest._replace(prints=incomplete(rest.prints, chosen)), [whole]


def _drop(rest: Emission, chosen: Flags, _: _Armed) -> tuple[Emission, list[Emission]]:
    return _part(rest, ~chosen), []


def _disorder(rest: Emission, chosen: Flags, armed: _Armed) -> tuple[Emission, list[Emission]]:
    order = armed.rng.permutation(np.flatnonzero(chosen))
    steps = armed.rng.integers(0, armed.strike.settings["within"] // _DISORDER_STEP_MS + 1, order.size)
    moved = [_part(rest, order[steps == step], int(step) * _DISORDER_STEP_MS) for step in np.unique(steps)]
    return _part(rest, ~chosen), moved


_DEEDS: Final[Mapping[str, Callable[[Emission, Flags, _Armed], tuple[Emission, list[Emission]]]]] = {
    "late": _late,
    "duplicate": _duplicate,
    "revised": _revised,
    "drop": _drop,
    "disorder": _disorder,
}


def _part(emission: Emission, index: Any, later_ms: int = 0) -> Emission:
    return Emission(emission.due_ms + later_ms, emission.prefix, emission.prints.take(index))


def _spoil(chosen: Flags, armed: _Armed) -> dict[int, str]:
    how = armed.strike.settings["how"]
    places: list[int] = np.flatnonzero(chosen).tolist()
    return {place: str(armed.rng.choice(BAD)) if how == ANY else how for place in places}


def _named(emission: Emission, chosen: Any) -> list[Mapping[str, object]]:
    """Which bars: how clients know them."""
    bars = emission.prints.bars
    names, starts = bars.symbol[chosen].astype("U16").tolist(), bars.start_ms[chosen].tolist()
    return [{"ev": emission.prefix, "sym": name, "s": start} for name, start in zip(names, starts, strict=True)]
