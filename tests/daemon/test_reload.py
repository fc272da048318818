"""SIGHUP: a good file exchanges the rules, a bad one changes nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from daemon.configfile import load_config
from daemon.events import Events
from daemon.metrics import Metrics
from daemon.notify import Notifier
from daemon.reload import Reloader
from tests.daemon.running import RULES
from tests.fakes.clock import ManualClock
from tests.fakes.feed import eventually
from tests.fakes.stream import Stream
from tests.fakes.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from daemon.config import Config
    from daemon.engine.plan import Plan

TECHNIC = """
[feed]
key = "a key that is right"
[engine]
rules = "rules.toml"
[state]
folder = "state"
"""


class Service:
    """A reloader and all that it tells."""

    def __init__(self, folder: Path, systemd: Systemd) -> None:
        self.folder, self.systemd = folder, systemd
        self.config = folder / "technic.toml"
        self.rules = folder / "rules.toml"
        self.config.write_text(TECHNIC)
        self.rules.write_text(RULES)
        self.plans: list[Plan] = []
        self.compiled: list[Plan] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.failing = False
        self.stream, self.metrics, self.clock = Stream(), Metrics(), ManualClock()
        self.notifier = Notifier(self.clock, systemd.environ)
        self.reloader = Reloader(
            self.read(),
            self.read,
            self.apply,
            compiled=self.compiled.append,
            events=Events(self.stream, self.clock),  # type: ignore[arg-type]
            metrics=self.metrics,
            notifier=self.notifier,
        )

    async def apply(self, plan: Plan) -> bool:
        await self.takes.wait()
        self.plans.append(plan)
        return not self.failing

    def read(self) -> Config:
        return load_config(self.config).config

    async def reload(self) -> dict[str, str]:
        """Ask for one and wait until systemd has been told its outcome."""
        self.systemd.listen()
        self.systemd.messages.clear()
        self.reloader.ask()
        await eventually(lambda: self.systemd.has_heard("READY"))
        assert [next(iter(message)) for message in self.systemd.messages] == ["RELOADING", "READY"]
        assert self.systemd.messages[0]["MONOTONIC_USEC"] == str(round(self.clock.monotonic_s() * 1e6))
        return self.systemd.messages[1]

    def count(self, outcome: str) -> float | None:
        return self.metrics.registry.get_sample_value("technic_reloads_total", {"outcome": outcome})


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    task = asyncio.create_task(service.reloader.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        service.notifier.close()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    with Systemd(tmp_path) as systemd:
        service = Service(tmp_path, systemd)
        async with running(service):
            yield service


async def test_a_good_file_goes_to_the_engine_and_everyone_is_told(service: Service) -> None:
    service.rules.write_text(RULES.replace("busy", "busier"))
    assert await service.reload() == {"READY": "1", "STATUS": "2 rules reloaded"}
    (plan,) = service.plans
    assert [rule.name for rule in plan.rules] == ["turn-up", "busier"]
    assert service.stream.kinds == ["reload.done"]
    assert (service.count("done"), service.count("refused"), service.reloader.failed) == (1, None, False)


BAD = {
    "foreign word": RULES.replace("sma(3)", "smaa(3)").encode(),
    "not TOML": b"[[rule",
    "another encoding": RULES.encode("utf-16"),
    "a byte that is no text": RULES.encode() + b"\n# \xff\n",
    "a key too many": RULES.encode() + b'\n[extra]\nx = "1"\n',
    "nested without end": b"x = " + b"[" * 50_000,
    "twice the same name": (RULES + RULES).encode(),
    "emptied by an editor": b"",
    "nothing but words": b"# rules come here\n",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
async def test_a_bad_file_changes_nothing_and_says_why(service: Service, text: bytes) -> None:
    service.rules.write_bytes(text)
    answer = await service.reload()
    assert answer["STATUS"].startswith(f"reload refused, older rules in force: {service.rules}:")
    assert service.plans == []
    assert (service.count("done"), service.count("refused"), service.reloader.failed) == (None, 1, True)
    (entry,) = service.stream.entries
    assert (entry["kind"], entry["remedy"]) == ("reload.refused", "the rules in force stay: mend the file")
    assert str(service.rules) in entry["what"]


@pytest.mark.parametrize("name", ["rules.toml", "technic.toml"])
async def test_a_file_that_is_gone_is_a_bad_file(service: Service, name: str) -> None:
    (service.folder / name).unlink()
    assert name in (await service.reload())["STATUS"]
    assert service.plans == []


async def test_a_bad_configuration_is_refused_with_its_place(service: Service) -> None:
    service.config.write_text(TECHNIC + "[engine]\n")
    assert "technic.toml" in (await service.reload())["STATUS"]
    service.config.write_text(TECHNIC.replace("rules =", "rule ="))
    assert "engine.rule" in (await service.reload())["STATUS"]
    assert service.plans == []
    assert service.count("refused") == 2


async def test_done_is_told_once_the_engine_has_taken_rules_that_were_compiled_before(service: Service) -> None:
    service.takes.clear()
    service.systemd.listen()
    service.reloader.ask()
    await eventually(lambda: len(service.compiled) == 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert (service.count("done"), service.systemd.has_heard("READY")) == (None, False)
    service.takes.set()
    await eventually(lambda: service.count("done") == 1)
    assert service.plans == service.compiled


async def test_rules_that_the_engine_fails_to_take_are_refused(service: Service) -> None:
    service.failing = True
    assert "the engine failed to take them" in (await service.reload())["STATUS"]
    assert (service.count("done"), service.count("refused"), service.reloader.failed) == (None, 1, True)


async def test_all_mistakes_of_a_file_are_one_line_of_status(service: Service) -> None:
    service.rules.write_text(RULES.replace("sma(", "smaa("))
    answer = await service.reload()
    assert answer["STATUS"].count("smaa") >= 2
    assert set(answer) == {"READY", "STATUS"}


async def test_a_mended_file_ends_the_alarm(service: Service) -> None:
    service.rules.write_text("[[rule]")
    await service.reload()
    service.rules.write_text(RULES)
    await service.reload()
    assert not service.reloader.failed
    assert service.stream.kinds == ["reload.refused", "reload.done"]


async def test_another_file_may_be_named(service: Service) -> None:
    (service.folder / "few.toml").write_text(RULES.partition('[[rule]]\nname = "busy"')[0])
    service.config.write_text(TECHNIC.replace("rules.toml", "few.toml"))
    assert (await service.reload())["STATUS"] == "1 rules reloaded"
    service.config.write_text(TECHNIC.replace('"rules.toml"', '"default"'))
    await service.reload()
    assert "gap-and-go" in [rule.name for rule in service.plans[-1].rules]


CHANGES: dict[str, tuple[str, str]] = {
    "feed": ("[feed]", '[feed]\nchannels = ["AM.*"]'),
    "model": ("[feed]", "[model]\nenabled = false\n[feed]"),
    "redis": ("[feed]", '[redis]\nprefix = "other:"\n[feed]'),
    "state": ('"state"', '"elsewhere"'),
    "http": ("[feed]", "[http]\nport = 0\n[feed]"),
    "log": ("[feed]", '[log]\nlevel = "debug"\n[feed]'),
    "engine": ("[engine]", "[engine]\ngrace_s = 9.0"),
}


@pytest.mark.parametrize("section", CHANGES)
async def test_what_takes_a_restart_stays_as_it_is_and_is_named(service: Service, section: str) -> None:
    service.config.write_text(TECHNIC.replace(*CHANGES[section]))
    answer = await service.reload()
    assert answer["STATUS"] == f"2 rules reloaded; a restart is needed for {section}"
    assert service.stream.entries[-1]["needs_restart"] == section
    assert bool(service.plans[-1].features), "the model in force stays"


async def test_a_storm_of_asks_while_one_is_under_way_is_one_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, reads = asyncio.Event(), 0
    loop = asyncio.get_running_loop()

    def slow() -> Any:
        nonlocal reads
        reads += 1
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return service.read()

    monkeypatch.setattr(service.reloader, "_reread", slow)
    service.reloader.ask()
    await eventually(lambda: reads == 1)
    for _ in range(50):
        service.reloader.ask()
    gate.set()
    await eventually(lambda: service.count("done") == 2)
    assert reads == 2
