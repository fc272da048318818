"""Questions to the daemon that runs on this machine, by its API.

Errors, and who acts::

    DaemonError     stop: no daemon answers, or it refuses; a person starts it, or asks otherwise. Exit code 69
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from daemon.web.token import FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.config import Config


DEADLINE_S: Final = 10.0
MOST_BYTES: Final = 4_000_000


class _Staying(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: it would take the token along."""

    def redirect_request(self, *_: Any) -> None:
        """None: an answer like any other."""


_ask: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Staying).open
"""Of this machine: no proxy is to have the token."""


class DaemonError(Exception):
    """The daemon cannot answer.

    Attributes:
        what: what happened.
        remedy: what to do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


def ask(config: Config, path: str, query: Mapping[str, str], otherwise: str = "") -> Any:
    """The daemon's answer, from JSON; `otherwise` is what else a person can do where there is none.

    Raises:
        DaemonError: there is none.
    """
    host = config.http.host
    where = f"{f'[{host}]' if ':' in host else host}:{config.http.port}"
    remedy = f"start technic run{otherwise and ', or '}{otherwise}"
    if not config.http.enabled:
        raise DaemonError("the configuration has no API to ask: http.enabled is false", remedy)
    try:
        token = (config.state.folder / FILE).read_text(encoding="ascii").strip()
    except OSError as error:
        raise DaemonError(f"no daemon has run in {config.state.folder}: {error.strerror}", remedy) from error
    request = urllib.request.Request(
        f"http://{where}{path}?{urllib.parse.urlencode(query)}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with _ask(request, timeout=DEADLINE_S) as answer:
            return json.loads(answer.read(MOST_BYTES))
    except urllib.error.HTTPError as error:
        raise _refused(error) from error
    except (OSError, ValueError) as error:
        raise DaemonError(f"no daemon answers at {where}", remedy) from error


def _refused(error: urllib.error.HTTPError) -> DaemonError:
    try:
        said = json.loads(error.read(MOST_BYTES))
        return DaemonError(said["error"], said["remedy"])
    except (OSError, ValueError, KeyError, TypeError):
        return DaemonError(f"the daemon answers {error.code}", "see its log")
