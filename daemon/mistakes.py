"""Mistakes of a configuration: where, what, and what to do; what pydantic finds, as one of them. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from daemon.config import Config, Section
from daemon.engine.errors import nearest
from daemon.plainwords import OWN, key_name, remedy, split
from streams.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic_core import ErrorDetails

    Key = tuple[str | int, ...]

CREDENTIALS = (("feed", "key"), ("redis", "url"))
"""Keys that may come as a credential, in a file named by section and key: ``feed_key``."""


_PLACE = re.compile(r"(.*?):(\d+):(\d+)\b")


class Mistake(NamedTuple):
    """One thing that is wrong: where (file, line and column, or variable), what, and what to do."""

    place: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")


def in_order(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """Those of one file together, by line and column; files and variables as they first came."""
    places = [_PLACE.match(mistake.place) for mistake in mistakes]
    keys = [
        (at[1], int(at[2]), int(at[3])) if at else (each.place, 0, 0) for at, each in zip(places, mistakes, strict=True)
    ]
    files = list(dict.fromkeys(file for file, _, _ in keys))
    order = sorted(range(len(keys)), key=lambda i: (files.index(keys[i][0]), *keys[i][1:]))
    return [mistakes[i] for i in order]


def mistake_of(error: ErrorDetails, place: Callable[[Key], str]) -> Mistake:
    """Pydantic's finding, at its place in the layer that won."""
    key = error["loc"]
    name = ".".join(map(str, key))
    at = place(key)
    if error["type"] == "extra_forbidden":
        section = Config.model_fields[str(key[0])].annotation if len(key) > 1 else Config
        what = "key" if len(key) > 1 else "section"
        return Mistake(at, f'unknown {what} "{name}"', suggest(str(key[-1]), _keys(section)))
    if error["type"] == "model_type":
        return Mistake(at, f"{name} has to be a table", f"write its keys under [{name}]")
    if error["type"] == "value_error" and len(key) == 1:
        return _contradiction(error, place)
    message = f"{key_name(key)} {_found(error)}"
    return Mistake(at, message, remedy(error["type"], error["msg"], error.get("ctx", {})))


def _contradiction(error: ErrorDetails, place: Callable[[Key], str]) -> Mistake:
    """Keys of one section that do not go together, at the places of those that the text speaks of."""
    (section,) = error["loc"]
    what, advice = split(error["msg"])
    what, advice = (what, advice) if what else (advice, "leave out one of them")
    spoken = [key for key in error["input"] if re.search(rf"\b{key}\b", error["msg"])]
    places = [place((section, key)) for key in spoken]
    return Mistake(" and ".join(places) or str(section), f"{section}: {what}", advice)


def _found(error: ErrorDetails) -> str:
    """What is wrong with the value, which is shown unless it could be secret."""
    own = split(error["msg"])[0] if error["msg"].startswith(OWN) else ""
    value = error["input"]
    plain = isinstance(value, str | int | float | bool) and not isinstance(value, Secret)
    shown = plain and tuple(error["loc"][:2]) not in CREDENTIALS
    return f"cannot be {value!r:.60}" if shown else f"cannot be used{own and ': '}{own}"


def _keys(section: object) -> Mapping[str, object]:
    return section.model_fields if isinstance(section, type) and issubclass(section, Section) else {}


def suggest(name: str, known: Mapping[str, object]) -> str:
    """What an unknown name may have been meant to be."""
    names = sorted(known)
    return nearest(name, names) or f"known are {', '.join(names)}"
