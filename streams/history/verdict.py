"""What PostgreSQL's errors mean, and how its address is shown. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from streams.history.errors import (
    HistoryDeniedError,
    HistoryForeignError,
    HistoryKnownError,
    HistoryRefusedError,
    HistoryUnavailableError,
)
from streams.secret import HIDDEN

if TYPE_CHECKING:
    from streams.history.errors import HistoryError
    from streams.secret import Secret

_WAITS: Final = "it goes on by itself when the server does"
_BY_CLASS: Final = {
    "21": (HistoryRefusedError, "these rows were not stored"),
    "22": (HistoryRefusedError, "these rows were not stored"),
    "23": (HistoryRefusedError, "these rows were not stored"),
    "28": (HistoryDeniedError, "check the user and password in the URL"),
    "3D": (HistoryDeniedError, "create the database, or check its name in the URL"),
    "42": (HistoryForeignError, "restore schema technic, or drop it: it is laid anew"),
}
"""By class of SQLSTATE; whatever is not here passes."""

_KNOWN: Final = "23505"
_NOT_PRIVILEGED: Final = "42501"
_DENIED: Final = re.compile(
    r"authentication failed|no pg_hba\.conf entry|no password supplied|(role|database) \"[^\"]*\" does not exist"
)
_LONGEST: Final = 300


def judged(where: str, error: Exception, hidden: Secret) -> HistoryError:
    """The error of ours for one of the driver's; the password is in it no more."""
    state = str(getattr(error, "sqlstate", None) or "")
    what = spoken(str(error), hidden)
    if state == _KNOWN:
        return HistoryKnownError(where, what, "it is to be replaced")
    if state == _NOT_PRIVILEGED:
        return HistoryDeniedError(where, what, "grant it to this user, or name another in the URL")
    if not state and _DENIED.search(what):
        return HistoryDeniedError(where, what, "check user, password and database in the URL")
    kind, remedy = _BY_CLASS.get(state[:2], (HistoryUnavailableError, _WAITS))
    return kind(where, what, remedy)


def spoken(text: str, hidden: Secret) -> str:
    """The server's words on one line, without the URL and its password."""
    url = hidden.reveal()
    for secret in (url, *_passwords(url)):
        text = text.replace(secret, HIDDEN)
    text = re.sub(r"^[A-Z_ ]+: \[libpq\] |\. SQLSTATE: \w+$", "", " ".join(text.split()))
    return text[:_LONGEST]


def shown(url: Secret) -> str:
    """Where a URL leads, without user, password and options."""
    try:
        parts = urlsplit(url.reveal())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "postgresql://"
    return f"postgresql://{host}{f':{port}' if port else ''}{parts.path}"


def _passwords(url: str) -> list[str]:
    """As they stand in the URL and as they are meant; the URL may be one that cannot be parsed."""
    login = url.partition("://")[2].rpartition("@")[0]
    found = [login.partition(":")[2], *re.findall(r"[?&]password=([^&]*)", url)]
    return [secret for written in found if written for secret in (written, unquote(written))]
