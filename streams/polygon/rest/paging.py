"""Which next page may be followed. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

MOST_PAGES: Final = 200


class HostilePageError(ValueError):
    """A next page that is not followed; the text says why, without the address."""


class Pages:
    """The way through the pages of one answer.

    Args:
        origin: scheme, host and port that the key may be sent to, as ``https://api.massive.com``.
        first: path and query of the first page.
    """

    def __init__(self, origin: str, first: str) -> None:
        self._origin = urlsplit(origin)
        self._seen = {first}

    def follow(self, next_url: str) -> str:
        """Path and query of the next page.

        Raises:
            HostilePageError: it lies elsewhere, was followed before, or is one too many.
        """
        try:
            url = urlsplit(next_url)
            port = url.port
        except ValueError as error:
            raise HostilePageError("the next page's address is none") from error
        elsewhere = (url.scheme, url.hostname, port or _usual(url.scheme)) != (
            self._origin.scheme,
            self._origin.hostname,
            self._origin.port or _usual(self._origin.scheme),
        )
        if elsewhere or url.username is not None or not url.path.startswith("/"):
            raise HostilePageError("the next page lies on another host, where the key must not go")
        page = f"{url.path}?{url.query}"
        if page in self._seen:
            raise HostilePageError("the next page is one that was read before")
        if len(self._seen) >= MOST_PAGES:
            raise HostilePageError(f"there are more than {MOST_PAGES} pages")
        self._seen.add(page)
        return page


def _usual(scheme: str) -> int | None:
    return {"http": 80, "https": 443}.get(scheme)
