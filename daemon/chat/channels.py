"""From a file of channels to checked channels; every mistake in the file is found in one go. Pure.

The file is TOML: one ``[[channel]]`` table a channel, see ``docs/notify.md``.
"""

from __future__ import annotations

import re
import tomllib
from datetime import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from daemon.engine.errors import Position, RuleError, RuleErrors, nearest
from daemon.engine.rules import SEVERITIES
from daemon.engine.tomlmap import TomlMap
from streams.chat.open import KINDS
from streams.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.engine.tomlmap import Path

MAX_CHARACTERS: Final = 1_000_000
MAX_CHANNELS: Final = 50
MAX_RATE: Final = 600
KEYS: Final = (
    "name",
    "kind",
    "settings",
    "severity",
    "rules",
    "symbols",
    "rate_per_minute",
    "quiet",
    "quiet_passes",
    "fallback",
)
NOBODY: Final = "nobody"
"""Severity that passes quiet hours where none does."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_QUIET = re.compile(r"^(\d\d:\d\d)-(\d\d:\d\d)$")
_FREE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_UNKNOWN: Final = object()
"""Stands for a setting that could not be read."""
_SYMBOL = re.compile(r"[A-Za-z0-9./-]{1,16}")


class Outside(NamedTuple):
    """What checking a file of channels needs to know of the world.

    Attributes:
        secret: what stands in a credential or in the environment, by ``credential`` or ``env`` and a name; raises
            OSError, KeyError or ValueError where there is nothing.
        text: of a file of symbols, by its name; raises OSError or ValueError.
        wrong: what is wrong with settings, by kind; one sentence each.
    """

    secret: Callable[[str, str], str]
    text: Callable[[str], str]
    wrong: Callable[[str, Mapping[str, Any]], Sequence[str]]


class Quiet(NamedTuple):
    """Hours of New York in which a channel rests; over midnight where the end comes first."""

    begin: time
    end: time

    def at(self, moment: time) -> bool:
        """Whether it rests then."""
        if self.begin <= self.end:
            return self.begin <= moment < self.end
        return moment >= self.begin or moment < self.end


class Channel(NamedTuple):
    """Where messages go, and which.

    Attributes:
        settings: of its kind; texts or secrets.
        severity: the least that it takes.
        rules, symbols: those that it takes; empty for all.
        rate_per_minute: messages that it sends at most.
        quiet: hours in which it rests, None for none.
        quiet_passes: the least severity that is sent all the same.
        fallback: channel that is told where this one is refused for good; "" for none.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    severity: str = "low"
    rules: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    rate_per_minute: int = 20
    quiet: Quiet | None = None
    quiet_passes: str = NOBODY
    fallback: str = ""

    def takes(self, rule: str, symbol: str, severity: str) -> bool:
        """Whether an alert goes here."""
        return (
            reaches(severity, self.severity)
            and (not self.rules or rule in self.rules)
            and (not self.symbols or symbol in self.symbols)
        )

    def rests(self, moment: time, severity: str) -> bool:
        """Whether an alert has to wait at that time of day in New York."""
        return self.quiet is not None and self.quiet.at(moment) and not reaches(severity, self.quiet_passes)


def reaches(severity: str, least: str) -> bool:
    """Whether one severity is at least another; an unknown one is the gravest, so that it is not lost."""
    return least != NOBODY and grade(severity) >= grade(least)


def grade(severity: str) -> int:
    """The graver the greater; an unknown one is the gravest."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def load(text: str, filename: str, outside: Outside) -> tuple[Channel, ...]:
    """The checked channels of a file.

    Args:
        text: its content, TOML.
        filename: as errors shall name it.
        outside: see `Outside`.

    Raises:
        RuleErrors: all mistakes, each with line, column and remedy.
    """
    errors: list[RuleError] = []
    channels = _File(text, errors, outside).channels()
    if errors:
        raise RuleErrors(filename, errors)
    return channels


class _File:
    """Reads one file; mistakes go to `errors`."""

    def __init__(self, text: str, errors: list[RuleError], outside: Outside) -> None:
        self._errors, self._outside = errors, outside
        self._tables: dict[str, Any] = {}
        self._map = TomlMap("")
        if len(text) > MAX_CHARACTERS:
            errors.append(RuleError(Position(1, 1), f"longer than {MAX_CHARACTERS:,} characters"))
            return
        try:
            self._tables = tomllib.loads(text)
            self._map = TomlMap(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            errors.append(RuleError(Position(1, 1), f"this is not TOML: {error}"))

    def channels(self) -> tuple[Channel, ...]:
        """All channels; those with mistakes are left out."""
        for key in self._tables.keys() - {"channel"}:
            self._mistake((key,), f'unknown key "{key}"', "channels are tables with the header [[channel]]")
        tables = self._tables.get("channel", [])
        if not isinstance(tables, list) or len(tables) > MAX_CHANNELS or not all(isinstance(t, dict) for t in tables):
            self._mistake(("channel",), f"channels are up to {MAX_CHANNELS} tables", "write the header as [[channel]]")
            return ()
        if not tables and not self._errors:
            self._mistake((), "there is no channel", "write one under the header [[channel]]; see docs/notify.md")
        found = [self._channel(("channel", index), table) for index, table in enumerate(tables)]
        self._refuse_names(found)
        return tuple(found)

    def _refuse_names(self, found: Sequence[Channel]) -> None:
        """Channels of one name, and fallbacks that are none."""
        names = [channel.name for channel in found]
        for index, (name, fallback) in enumerate((channel.name, channel.fallback) for channel in found):
            if name and name in names[:index]:
                self._mistake(("channel", index, "name"), f'there is a channel "{name}" already', "name it otherwise")
            if fallback and (fallback not in names or fallback == name):
                others = [other for other in names if other != name]
                remedy = nearest(fallback, others) or "name another channel of this file"
                self._mistake(("channel", index, "fallback"), f'there is no other channel "{fallback:.40}"', remedy)

    def _channel(self, path: Path, table: dict[str, Any]) -> Channel:
        for key in table.keys() - set(KEYS):
            self._mistake((*path, key), f'unknown key "{key}"', nearest(key, KEYS) or f"it has {', '.join(KEYS)}")
        settings = self._settings((*path, "settings"), table.get("settings"))
        quiet_passes = table.get("quiet_passes", NOBODY)
        return Channel(
            name=self._name((*path, "name"), table.get("name", "")),
            kind=self._kind(path, table.get("kind", ""), settings),
            settings=settings,
            severity=self._choice((*path, "severity"), table.get("severity", SEVERITIES[0]), SEVERITIES),
            rules=self._names((*path, "rules"), table.get("rules", [])),
            symbols=self._symbols((*path, "symbols"), table.get("symbols", [])),
            rate_per_minute=self._rate((*path, "rate_per_minute"), table.get("rate_per_minute", 20)),
            quiet=self._quiet((*path, "quiet"), table.get("quiet")),
            quiet_passes=self._choice((*path, "quiet_passes"), quiet_passes, (*SEVERITIES, NOBODY)),
            fallback=str(table.get("fallback", "")),
        )

    def _name(self, path: Path, given: object) -> str:
        if not isinstance(given, str) or not _NAME.fullmatch(given):
            self._mistake(path, "a channel needs a name", "1 to 32 of a-z, 0-9, - and _")
        return str(given)

    def _kind(self, path: Path, given: object, settings: Mapping[str, Any]) -> str:
        """The kind, and whether the settings are such as it takes."""
        if given not in KINDS:
            remedy = nearest(str(given), KINDS) or f"it is one of {', '.join(KINDS)}"
            self._mistake((*path, "kind"), f"there is no kind {given!r:.40}", remedy)
        elif settings and _UNKNOWN not in settings.values():
            for wrong in self._outside.wrong(given, settings):
                self._mistake((*path, "settings"), wrong, "see docs/channels.md")
        return str(given)

    def _settings(self, path: Path, given: object) -> dict[str, Any]:
        """Texts as secrets; a table names the credential or the variable that holds one."""
        if not isinstance(given, dict) or not given:
            remedy = 'write settings = { url = "https://..." }; see docs/channels.md'
            self._mistake(path, "a channel needs settings", remedy)
            return {}
        return {key: self._setting((*path, key), value) for key, value in given.items()}

    def _setting(self, path: Path, value: object) -> object:
        if isinstance(value, str):
            return Secret(value)
        if not isinstance(value, dict):
            return value
        source, name = next(iter(value.items()), ("", ""))
        if len(value) != 1 or source not in {"credential", "env"} or not _FREE.fullmatch(str(name)):
            self._mistake(path, "this names no secret", 'write { credential = "slack_url" } or { env = "SLACK_URL" }')
            return _UNKNOWN
        try:
            return Secret(self._outside.secret(source, str(name)).strip())
        except (OSError, KeyError, ValueError):
            where = "among the credentials" if source == "credential" else "in the environment"
            self._mistake(path, f"there is no {name} {where}", "give it to the service, or write the value here")
            return _UNKNOWN

    def _choice(self, path: Path, given: object, choices: tuple[str, ...]) -> str:
        if given not in choices:
            remedy = nearest(str(given), choices) or f"it is one of {', '.join(choices)}"
            self._mistake(path, f"{path[-1]} cannot be {given!r:.40}", remedy)
        return str(given)

    def _names(self, path: Path, given: object) -> frozenset[str]:
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            self._mistake(path, f"{path[-1]} are a list of names", 'write ["one", "two"]; leave it out for all')
            return frozenset()
        return frozenset(given)

    def _symbols(self, path: Path, given: object) -> frozenset[str]:
        """Written out, or a file with one a line, in which # begins a comment."""
        if isinstance(given, str):
            given = self._lines(path, given)
        found = self._names(path, given)
        for wrong in sorted(symbol for symbol in found if not _SYMBOL.fullmatch(symbol))[:1]:
            self._mistake(path, f"{wrong!r:.40} is no symbol", "1 to 16 of A-Z, a-z, 0-9, . / and -")
        return found

    def _lines(self, path: Path, filename: str) -> list[str]:
        try:
            lines = self._outside.text(filename).splitlines()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            self._mistake(path, f"{filename:.200} cannot be read: {reason}", "see the path")
            return []
        found = [word for line in lines if (word := line.partition("#")[0].strip())]
        if not found:
            self._mistake(path, f"{filename:.200} names no symbol", "write one a line, or leave symbols out for all")
        return found

    def _rate(self, path: Path, given: object) -> int:
        if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= MAX_RATE:
            remedy = "messages a minute that the service permits"
            self._mistake(path, f"a rate is a whole number from 1 to {MAX_RATE}", remedy)
            return 1
        return given

    def _quiet(self, path: Path, given: object) -> Quiet | None:
        if given is None:
            return None
        try:
            begin, end = map(time.fromisoformat, _QUIET.findall(str(given))[0])
        except (ValueError, IndexError):
            self._mistake(path, "these are no quiet hours", 'write "22:00-07:00", in New York time')
            return None
        if begin == end:
            self._mistake(path, "these quiet hours never begin", 'write "00:00-23:59" for all but a minute of the day')
        return Quiet(begin, end)

    def _mistake(self, path: Path, message: str, remedy: str = "") -> None:
        self._errors.append(RuleError(self._map.key(path), message, remedy))
