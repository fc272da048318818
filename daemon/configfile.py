"""Reads the configuration from files, credentials and environment, and finds all its mistakes in one go.

Later wins: the file (``-c``, ``$TECHNIC_CONFIG``, ``./technic.toml``, ``/etc/technic/technic.toml``; the
first of these), credentials (``$CREDENTIALS_DIRECTORY/feed_key``), environment (``TECHNIC_FEED__KEY``),
what a caller sets.

Errors, and who acts::

    ConfigError     stop: every mistake with its place and remedy; exit code 78. No text of a secret is in it
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from daemon.config import Config
from daemon.engine.tomlmap import TomlMap
from daemon.mistakes import CREDENTIALS, Mistake, in_order, mistake_of, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Tree = Mapping[str, Any]
    Key = tuple[str | int, ...]

PLACES = (Path("technic.toml"), Path("/etc/technic/technic.toml"))
PREFIX = "TECHNIC_"
MAX_FILE_BYTES = 1_000_000
FOLDERS = (
    ("engine", "rules"),
    ("engine", "sectors"),
    ("engine", "daily"),
    ("model", "ladder"),
    ("state", "folder"),
    ("state", "cache"),
    ("notify", "channels"),
)
"""Paths; relative ones in a file are meant from the file's folder."""


class ConfigError(Exception):
    """The configuration cannot be used.

    Attributes:
        mistakes: all of them.
        rules: file of the rules, as far as that could be told, so that it can be looked at all the same.
    """

    def __init__(self, mistakes: Sequence[Mistake], rules: Path | None = None) -> None:
        super().__init__(tuple(mistakes))
        self.mistakes, self.rules = tuple(mistakes), rules

    def __str__(self) -> str:
        """One line a mistake."""
        return "\n".join(str(mistake) for mistake in self.mistakes)


class Loaded(NamedTuple):
    """A configuration, the file it came from (None: defaults), what is allowed but worth a word, and what stands where.

    Attributes:
        where: the place of a key's value: file, line and column, or variable; of a default the key itself.
    """

    config: Config
    path: Path | None
    notes: tuple[str, ...]
    where: Callable[[Key], str]


class _Layer(NamedTuple):
    """Values from one source, and where each stands."""

    tree: Tree
    where: Callable[[Key], str]

    def place(self, key: Key) -> str | None:
        """Where `key` is set in this layer, None if it is not."""
        return self.where(key) if _holds(self.tree, key) else None


def load_config(path: Path | None = None, overrides: Tree | None = None, *, feed: bool = False) -> Loaded:
    """The configuration that is in force here.

    Args:
        path: the file; else it is looked for in the usual places, and may be absent.
        overrides: sections with keys that win over everything.
        feed: an API key is needed.

    Raises:
        ConfigError: all mistakes at once.
    """
    mistakes: list[Mistake] = []
    chosen = _chosen(path)
    file = _file_layer(chosen, mistakes) if chosen else _Layer({}, _dotted)
    credentials = _credentials_layer(mistakes)
    environment = _environment_layer(mistakes)
    layers = [_home_layer(), file, credentials, environment, _Layer(overrides or {}, _dotted)]
    merged = reduce(_merged, (layer.tree for layer in layers))
    config = _validated(merged, layers, mistakes)
    missing = config is not None and config.feed.key is None
    if feed and missing:
        mistakes.append(Mistake("feed.key", "the feed needs an API key", KEY_REMEDY))
    if mistakes or config is None:
        raise ConfigError(in_order(mistakes), _rules(merged))
    return Loaded(config, chosen, tuple(_notes(config, chosen, file)), lambda key: _place(layers, key))


KEY_REMEDY = (
    "set TECHNIC_FEED__KEY, give the credential feed_key, or write key under [feed]; a simulator takes its own --key"
)


def _chosen(path: Path | None) -> Path | None:
    """The file to read; one that was named has to exist, the usual ones need not."""
    named = path or (Path(os.environ["TECHNIC_CONFIG"]) if os.environ.get("TECHNIC_CONFIG") else None)
    return named or next((place for place in PLACES if place.exists()), None)


def _file_layer(path: Path, mistakes: list[Mistake]) -> _Layer:
    try:
        text = _text(path)
        tree = tomllib.loads(text)
    except OSError as error:
        mistakes.append(Mistake(str(path), f"cannot be read: {error.strerror}", "name another file with -c"))
    except tomllib.TOMLDecodeError as error:
        mistakes.append(_not_toml(path, str(error)))
    except (ValueError, RecursionError):
        mistakes.append(Mistake(str(path), "is no TOML file", "name another file with -c"))
    else:
        return _Layer(_from_folder(tree, path.absolute().parent), _toml_places(path, text))
    return _Layer({}, _dotted)


def _text(path: Path) -> str:
    """What the file holds; ValueError if that is no text or too much."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(len(content))
    return content.decode()


def _toml_places(path: Path, text: str) -> Callable[[Key], str]:
    places = TomlMap(text)

    def where(key: Key) -> str:
        at = places.key(key)
        return f"{path}:{at.line}:{at.column}"

    return where


def _not_toml(path: Path, message: str) -> Mistake:
    """The library tells the place in words only."""
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    where = f"{path}:{place[1]}:{place[2]}" if place and place[1] else f"{path}, at its end"
    return Mistake(where, f"is not TOML: {message[: place.start()] if place else message}", "correct the syntax")


def _from_folder(tree: Tree, folder: Path) -> Tree:
    """`tree` with its relative paths made absolute."""
    for section, key in FOLDERS:
        value = tree[section].get(key) if isinstance(tree.get(section), dict) else None
        if isinstance(value, str) and value and value != "default" and not value.startswith("~"):
            tree = _merged(tree, {section: {key: str(folder / value)}})
    return tree


class _Sourced(BaseSettings, Config):
    """Tells pydantic-settings what the environment may hold."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False)


def _environment_layer(mistakes: list[Mistake]) -> _Layer:
    sections = Config.model_fields
    for name in sorted(os.environ):
        section = name.removeprefix(PREFIX).partition("__")[0].lower()
        if name.startswith(PREFIX) and "__" in name and section not in sections:
            mistakes.append(Mistake(name, f'unknown section "{section}"', suggest(section, sections)))
    tree = {name: value for name, value in EnvSettingsSource(_Sourced)().items() if isinstance(value, dict)}
    return _Layer(tree, lambda key: PREFIX + "__".join(map(str, key[:2])).upper())


def _credentials_layer(mistakes: list[Mistake]) -> _Layer:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    tree: dict[str, dict[str, str]] = {}
    for section, key in CREDENTIALS if folder else ():
        path = Path(folder or "") / f"{section}_{key}"
        try:
            tree[section] = {key: path.read_text().strip()}
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            mistakes.append(Mistake(str(path), "cannot be read as text", "give the credential anew"))
    return _Layer(tree, lambda key: f"{folder}/{'_'.join(map(str, key[:2]))}")


def _home_layer() -> _Layer:
    """Where folders are unless something else is said: systemd's, else the user's."""
    state = _folder("STATE_DIRECTORY", "XDG_STATE_HOME", "~/.local/state")
    return _Layer({"state": {"folder": state, "cache": usual_cache()}}, _dotted)


def usual_cache() -> str:
    """Where the cache is unless something else is said."""
    return _folder("CACHE_DIRECTORY", "XDG_CACHE_HOME", "~/.cache")


def _dotted(key: Key) -> str:
    return ".".join(map(str, key))


def _folder(systemd: str, xdg: str, usual: str) -> str:
    given = os.environ.get(systemd, "").partition(":")[0]
    return given or str(Path(os.environ.get(xdg) or usual) / "technic")


def _validated(merged: Tree, layers: Sequence[_Layer], mistakes: list[Mistake]) -> Config | None:
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        mistakes += [mistake_of(each, lambda key: _place(layers, key)) for each in error.errors(include_url=False)]
    return None


def _place(layers: Sequence[_Layer], key: Key) -> str:
    """Where the value of `key` stands that won."""
    return next((found for layer in reversed(layers) if (found := layer.place(key))), _dotted(key))


def _rules(merged: Tree) -> Path | None:
    engine = merged.get("engine")
    rules = engine.get("rules") if isinstance(engine, Mapping) else None
    return Path(rules).expanduser() if isinstance(rules, str) and rules != "default" else None


def _notes(config: Config, path: Path | None, file: _Layer) -> Iterator[str]:
    if config.feed.key is None:
        yield f"feed.key is not set: the feed needs an API key; {KEY_REMEDY}"
    holds = any(_holds(file.tree, key) for key in CREDENTIALS)
    if path and holds and path.stat().st_mode & 0o004:
        yield f"{path} holds a secret, and every user of this machine can read it; chmod 600 {path}"


def _merged(under: Tree, over: Tree) -> dict[str, Any]:
    """`over` on top of `under`, table by table."""
    both = dict(under)
    for key, value in over.items():
        tables = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = _merged(both[key], value) if tables else value
    return both


def _holds(tree: Any, key: Key) -> bool:
    """Whether something stands at `key`; elements of lists count as standing where the list does."""
    for part in key:
        if not isinstance(tree, Mapping):
            return isinstance(tree, list | str)
        if part not in tree:
            return False
        tree = tree[part]
    return True
