"""From a file of faults to what the simulated exchange does; every mistake in the file is found in one go. Pure.

The file is TOML: ``seed``, a table ``irregular``, and one ``[[fault]]`` table a fault; see ``docs/simulator.md``.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from daemon.engine.errors import Position, RuleError, RuleErrors, nearest
from daemon.engine.tomlmap import TomlMap
from streams.simulator.faultkinds import KINDS, settings
from streams.simulator.irregular import Irregularity
from streams.simulator.schedule import MOST_A_PERIOD, Fault, Faults, read_between, read_moment, read_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.engine.tomlmap import Path
    from streams.simulator.faultkinds import Wrong

_Read = TypeVar("_Read")

MAX_CHARACTERS: Final = 1_000_000
MAX_FAULTS: Final = 1_000
WHEN: Final = ("at", "rate", "between")
"""Keys of every fault, beside ``kind``."""

_TOP: Final = ("seed", "irregular", "fault")
_A_MOMENT = 'write "09:45", "09:45:30", "2025-03-10 09:45" (New York) or "+90s" after the start, or a list of these'
_A_RATE = f'write "3/minute" or "12/hour", at most {MOST_A_PERIOD}'
_HOURS = 'write ["09:30", "16:00"], New York'


def load(text: str, filename: str) -> Faults:
    """What a file says.

    Args:
        text: its content, TOML.
        filename: as errors shall name it.

    Raises:
        RuleErrors: all mistakes, each with line, column and remedy.
    """
    errors: list[RuleError] = []
    found = _File(text, errors).faults()
    if errors:
        raise RuleErrors(filename, errors)
    return found


def load_bytes(content: bytes, filename: str) -> Faults:
    """The same of a file's bytes; RuleErrors, too, where they are no UTF-8."""
    try:
        return load(content.decode(), filename)
    except UnicodeDecodeError as error:
        at = Position(content.count(b"\n", 0, error.start) + 1, 1)
        raise RuleErrors(filename, [RuleError(at, "this is not UTF-8", "save the file in that encoding")]) from error


class _File:
    """Reads one file; mistakes go to `errors`."""

    def __init__(self, text: str, errors: list[RuleError]) -> None:
        self._errors, self._map = errors, TomlMap("")
        self._tables: dict[str, Any] = {}
        if len(text) > MAX_CHARACTERS:
            errors.append(RuleError(Position(1, 1), f"longer than {MAX_CHARACTERS:,} characters"))
            return
        try:
            self._tables = tomllib.loads(text)
            self._map = TomlMap(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            errors.append(RuleError(Position(1, 1), f"this is not TOML: {error}"))

    def faults(self) -> Faults:
        """All of it; what has mistakes is left out."""
        for key in self._tables.keys() - set(_TOP):
            self._mistake((key,), f'unknown key "{key}"', nearest(key, _TOP) or f"it has {', '.join(_TOP)}")
        seed = self._tables.get("seed", 1)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 1 << 63:
            self._mistake(("seed",), "a seed is a whole number from 0 up", "write seed = 1")
            seed = 1
        given = self._tables.get("fault", [])
        if not isinstance(given, list) or len(given) > MAX_FAULTS or not all(isinstance(one, dict) for one in given):
            self._mistake(("fault",), f"faults are up to {MAX_FAULTS} tables", "write the header as [[fault]]")
            given = []
        found = [self._fault(("fault", number), table) for number, table in enumerate(given)]
        return Faults(tuple(fault for fault in found if fault), seed, self._irregular(seed))

    def _irregular(self, seed: int) -> Irregularity | None:
        table = self._tables.get("irregular")
        if table is None:
            return None
        if not isinstance(table, dict):
            self._mistake(("irregular",), "irregular is a table", "write the header [irregular]")
            return None
        shares = Irregularity()._asdict()
        del shares["seed"]
        for key, value in table.items():
            if key not in shares:
                known = nearest(key, list(shares)) or f"it has {', '.join(shares)}"
                self._mistake(("irregular", key), f'unknown key "{key}"', known)
            elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
                self._mistake(("irregular", key), f"{key} is a share of all bars", "write a number from 0 to 1")
            else:
                shares[key] = float(value)
        if shares["late"] + shares["revised"] > 1:
            self._mistake(("irregular",), "late and revised are more than all bars", "let their sum be 1 at most")
        return Irregularity(**shares, seed=seed)

    def _fault(self, path: Path, table: dict[str, Any]) -> Fault | None:
        kind = table.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            remedy = nearest(str(kind), list(KINDS)) or f"it is one of {', '.join(KINDS)}"
            said = "a fault needs a kind" if kind is None else f"there is no kind {kind!r:.40}"
            self._mistake((*path, "kind") if "kind" in table else path, said, remedy)
            return None
        wrong: list[Wrong] = []
        told = settings(kind, {key: value for key, value in table.items() if key not in ("kind", *WHEN)}, wrong)
        for mistake in wrong:
            self._mistake((*path, mistake.key), mistake.message, nearest(mistake.key, [*WHEN]) or mistake.remedy)
        if "at" not in table and "rate" not in table:
            self._mistake(path, f"this {kind} never strikes", 'give it at = "09:45" or rate = "3/hour"')
        if "between" in table and "rate" not in table:
            self._mistake((*path, "between"), "between is about a rate", 'give the fault rate = "3/hour", too')
        moments = table.get("at", [])
        named = [moments] if isinstance(moments, str) else moments
        if not isinstance(named, list):
            self._mistake((*path, "at"), "at is a time or a list of times", _A_MOMENT)
            named = []
        places = [(*path, "at")] if isinstance(moments, str) else [(*path, "at", k) for k in range(len(named))]
        found = [self._read(place, one, read_moment, _A_MOMENT) for place, one in zip(places, named, strict=True)]
        return Fault(
            kind,
            told,
            tuple(moment for moment in found if moment),
            self._read((*path, "rate"), table.get("rate"), read_rate, _A_RATE),
            self._read((*path, "between"), table.get("between"), read_between, _HOURS),
        )

    def _read(self, path: Path, given: object, read: Callable[[object], _Read], remedy: str) -> _Read | None:
        if given is None:
            return None
        try:
            return read(given)
        except ValueError:
            self._mistake(path, f"{path[2]} cannot be {given!r:.60}", remedy)
            return None

    def _mistake(self, path: Path, message: str, remedy: str) -> None:
        self._errors.append(RuleError(self._map.key(path), message, remedy))
