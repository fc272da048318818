"""Whether the service does all it is there for, as named checks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Check(NamedTuple):
    """How one part stands: whether it is well, and a few words for people."""

    ok: bool
    detail: str = ""


class Readiness:
    """Named checks, read when somebody asks.

    Ready means that every one of them is well. A service that runs and is not ready goes on with what it can: the
    checks say which part is missing.
    """

    def __init__(self) -> None:
        self._read: dict[str, Callable[[], Check]] = {}

    def watch(self, name: str, read: Callable[[], Check]) -> None:
        """Ask `read` whenever it is asked how `name` stands; quick, on the event loop."""
        self._read[name] = read

    def checks(self) -> dict[str, Check]:
        """How every part stands, by name."""
        return {name: read() for name, read in self._read.items()}

    def report(self) -> dict[str, Any]:
        """The body of ``/readyz``."""
        checks = self.checks()
        ready = all(check.ok for check in checks.values())
        return {"ready": ready, "checks": {name: check._asdict() for name, check in checks.items()}}
