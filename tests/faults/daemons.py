"""The real command in a process of its own, and what is done to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.daemon.running import KEY, RULES
from tests.fakes.program import environment
from tests.fakes.systemd import Systemd
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

START_S = 55.0


class Daemon:
    """``technic run`` on `folder`: state, rules, configuration, log. A context: it is killed at the end.

    Args:
        folder: kept from one daemon to the next.
        url: the exchange's.
        fail: where it is to end, as `streams.failpoints` reads it.
        before: words before the command, such as those of ``unshare``.
        log: where its stderr goes; a file in the folder by default.
        sections: of the configuration, on top of what tests need.

    Attributes:
        systemd: hears what it tells the service manager.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        fail: str = "",
        before: Sequence[str] = (),
        log: Path | None = None,
        **sections: dict[str, Any],
    ) -> None:
        plain: dict[str, dict[str, Any]] = {
            "feed": {"url": url, "key": KEY, "lossless": True, "channels": ["AM.*"]},
            "engine": {"rules": str(folder / "rules.toml")},
            "model": {"enabled": False},
            "state": {"folder": str(folder / "state")},
            "http": {"enabled": False},
            "rest": {"enabled": False},
        }
        if not (folder / "rules.toml").exists():
            (folder / "rules.toml").write_text(RULES)
        self.config = folder / "technic.toml"
        self.config.write_text(toml(plain | {name: plain.get(name, {}) | keys for name, keys in sections.items()}))
        self.config.chmod(0o600)
        self._folder, self._before = folder, before
        self._environ = {"TECHNIC_FAIL": fail, "XDG_CACHE_HOME": str(Path("~/.cache").expanduser())}
        self.log = log or folder / "log"
        self.systemd = Systemd(folder)

    def __enter__(self) -> Self:
        (self._folder / "notify").unlink(missing_ok=True)
        self.systemd.__enter__()
        environ = environment(self._folder, {**self._environ, **self.systemd.environ})
        command = [*self._before, sys.executable, "-m", "daemon", "run", "-c", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self._folder, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self.systemd.__exit__()

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ready(self) -> Self:
        """Wait until it says so."""
        await eventually(lambda: self.systemd.has_heard("READY") or self.process.poll() is not None, START_S)
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        return self

    async def live(self) -> None:
        """Wait until bars come."""
        await eventually(lambda: "live" in [line["state"] for line in self.said("feed.state")[-1:]])

    async def ended(self, within_s: float = 10.0) -> int:
        """Wait for its end; the exit code."""
        await eventually(lambda: self.process.poll() is not None, within_s)
        return self.process.wait()

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about `event`."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def kilobytes(self, name: str) -> int:
        """A number of /proc/PID/status, such as VmHWM."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))

    def files(self) -> list[int]:
        """Numbers of its open files."""
        return [int(path.name) for path in Path(f"/proc/{self.pid}/fd").iterdir()]

    def cpu_s(self) -> float:
        """What it has used of the processor, seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100


def toml(sections: dict[str, dict[str, Any]]) -> str:
    """Tables of plain values; JSON writes those as TOML does."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
        for name, keys in sections.items()
    )
