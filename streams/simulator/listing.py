"""Lists of objects as REST hands them out: picked by their fields, in an order, page by page."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from streams.simulator.asked import bad_request, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.simulator.asked import Asked

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "": operator.eq,
    ".gt": operator.gt,
    ".gte": operator.ge,
    ".lt": operator.lt,
    ".lte": operator.le,
    ".any_of": lambda value, wanted: value in wanted.split(","),
}


def listed(
    asked: Asked,
    items: Iterable[Mapping[str, Any]],
    fields: Sequence[str],
    *,
    order: str,
    limits: tuple[int, int],
) -> dict[str, Any]:
    """One page of those items that a request wants.

    Args:
        asked: the request; compares a field by ``field``, ``field.gt``, ``field.lte`` and the like.
        items: all there are.
        fields: those that can be compared, and sorted by; the first is what is sorted by if nothing is said.
        order: ``asc`` or ``desc`` if nothing is said.
        limits: of a page: if none is given, and at most.

    Raises:
        RefusedError: the request makes no sense.
    """
    sort = asked.query.get("sort") or fields[0]
    by, _, direction = sort.partition(".")  # newer routes say ticker.asc
    if by not in fields:
        raise bad_request(f"cannot sort by '{by}': there are {', '.join(fields)}")
    descending = (direction or asked.query.get("order") or order) == "desc"
    wishes = _wishes(asked.query, fields)
    found = [item for item in items if all(_holds(item.get(field), how, wanted) for field, how, wanted in wishes)]
    found.sort(key=lambda item: str(item.get(by, "")), reverse=descending)
    return page(asked, found, *limits)


def _wishes(query: Mapping[str, str], fields: Sequence[str]) -> list[tuple[str, Callable[[Any, Any], bool], str]]:
    """Fields that are asked for, how they must compare, and with what."""
    known = ((field, how, query.get(field + suffix, "")) for field in fields for suffix, how in _COMPARE.items())
    return [(field, how, wanted) for field, how, wanted in known if wanted]


def _holds(value: object, compare: Callable[[Any, Any], bool], wanted: str) -> bool:
    """Whether a field compares as wanted; of a list one element must; what is absent does not."""
    values = value if isinstance(value, list) else [value]
    return any(each is not None and compare(_text(each), wanted) for each in values)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
