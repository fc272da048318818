"""The token of the API: made at the first start, kept in the state folder for those who may read it."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from typing import TYPE_CHECKING, Final

from streams.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "http.token"
MOST_BYTES: Final = 256

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,128}")


def token_of(folder: Path) -> Secret:
    """The token in `folder`; made anew where there is none, or one that others may have read or changed.

    Raises:
        OSError: the folder does not take it.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            private = not os.fstat(file.fileno()).st_mode & 0o077
            text = file.read(MOST_BYTES).decode("ascii", errors="replace").strip()
    except FileNotFoundError:
        return _made(path)
    return Secret(text) if private and _TOKEN.fullmatch(text) else _made(path)


def _made(path: Path) -> Secret:
    token = secrets.token_urlsafe(32)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{token}\n")
    return Secret(token)


def bears(authorization: str, token: Secret) -> bool:
    """Whether a header ``Authorization`` holds the token; takes as long for a wrong one as for the right one."""
    said = f"Bearer {token.reveal()}".encode()
    return hmac.compare_digest(authorization.encode(errors="replace"), said)
