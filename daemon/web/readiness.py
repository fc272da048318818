"""Whether the service does all it is there for, as named checks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Check(NamedTuple):
    """How one part stands: whether it is well, and a few words for people."""

    ok: bool
    detail: str = ""


STARTING = Check(ok=False, detail="starting")


class Readiness:
    """Named checks: some are set when something changes, others are read when somebody asks.

    Ready means that every one of them is well. A service that runs and is not ready goes on with what it can: the
    checks say which part is missing.

    Args:
        names: parts that will report; until they do they count as starting.
    """

    def __init__(self, *names: str) -> None:
        self._read: dict[str, Callable[[], Check]] = {name: lambda: STARTING for name in names}

    def set(self, name: str, *, ok: bool, detail: str = "") -> None:
        """How `name` stands from now on."""
        check = Check(ok, detail)
        self.watch(name, lambda: check)

    def watch(self, name: str, read: Callable[[], Check]) -> None:
        """Ask `read` whenever it is asked how `name` stands; quick, on the event loop."""
        self._read[name] = read

    def checks(self) -> dict[str, Check]:
        """How every part stands, by name."""
        return {name: read() for name, read in self._read.items()}

    @property
    def ready(self) -> bool:
        """Whether all is well."""
        return all(check.ok for check in self.checks().values())

    def failing(self) -> str:
        """What is not well, on one line; "" if all is."""
        return "; ".join(f"{name}: {check.detail}" for name, check in self.checks().items() if not check.ok)

    def report(self) -> dict[str, Any]:
        """The body of ``/readyz``."""
        checks = self.checks()
        ready = all(check.ok for check in checks.values())
        return {"ready": ready, "checks": {name: check._asdict() for name, check in checks.items()}}
