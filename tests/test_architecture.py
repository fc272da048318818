"""What would hurt if it crept in: wrong imports, pickles, clocks, loose tasks, queues without end."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.fakes.program import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGES = ("indicators", "streams", "daemon")
PURE = ("indicators/", "daemon/engine/")

EXECUTES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
"""Modules that run what they read."""

CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "builtins.eval", "builtins.exec"}
CLOCKS = {
    *(f"time.{name}{unit}" for name in ("time", "monotonic", "perf_counter", "process_time") for unit in ("", "_ns")),
    *("time.sleep", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
}
TASKS = {
    *("asyncio.create_task", "asyncio.ensure_future", "asyncio.TaskGroup", "asyncio.Task"),
    *("threading.Timer", "loop.create_task"),
}
QUEUES = {"asyncio.Queue", "asyncio.LifoQueue", "asyncio.PriorityQueue", "queue.Queue", "queue.LifoQueue"}
ENDLESS = {"queue.SimpleQueue", "multiprocessing.Queue", "multiprocessing.SimpleQueue"}

CLOCK_READERS = {"daemon/clock.py": "the one module that reads clocks"}
TASK_STARTERS = {
    "daemon/app.py": "holds the daemon's one TaskGroup",
    "daemon/chat/service.py": "holds the one TaskGroup of `technic notify`, a process of its own",
    "daemon/commands/notify.py": "the service and the wait for SIGHUP: stopped, it ends what is under way first",
    "daemon/dataplane/fetch.py": "a few calls at once, all of which end before `fetch` returns",
    "daemon/ending.py": "a timer in a thread: what does not end in time may be the event loop itself",
    "streams/simulator/doors.py": "the same: at most one wait, for the end of an outage, which closing ends",
    "streams/simulator/server.py": "a process of its own: its context starts the one market and ends it",
}
UNBOUNDED = {
    "daemon/engine/inbox.py": "batches of at least one bar: `put` refuses what goes beyond `limit` bars",
    "daemon/scoring/link.py": "unlearned lessons: `teach` itself refuses or waits at `backlog`, which is their bound",
}
IMPURE = {
    *("asyncio", "logging", "os", "random", "redis", "select", "socket", "sqlite3", "structlog", "subprocess"),
    *("tempfile", "threading", "time", "aiohttp", "websockets", "prometheus_client", "concurrent"),
}
SLOW = {"river", "pandas", "scipy.linalg", "scipy.sparse", "exchange_calendars", "sklearn"}
"""Of scipy numba itself looks at the version, which costs nothing."""
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "data", "info", "manager"}


class Source(NamedTuple):
    """One module: its path from the root, and its tree."""

    path: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 0)}"


def read(path: Path) -> Source:
    return Source(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text()))


SOURCES = [read(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every module that `source` imports, wherever in the file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node, node.module


def origins(source: Source) -> dict[str, str]:
    """What the imported names of `source` mean, in full."""
    names: dict[str, str] = {"loop": "loop"}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """``time.monotonic`` for that attribute of the imported module; "" for what is no imported name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id if node.id in CALLS else "")
    if isinstance(node, ast.Attribute):
        base = full_name(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def uses(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every name that is used, in full."""
    names = origins(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node, full_name(node, names)


def calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    names = origins(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield node, full_name(node.func, names)


def argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    return named or (call.args[position] if len(call.args) > position else None)


def is_true(node: ast.expr | None) -> bool:
    return node is not None and not (isinstance(node, ast.Constant) and not node.value)


def test_all_three_packages_are_looked_at() -> None:
    assert {source.path.partition("/")[0] for source in SOURCES} == set(PACKAGES)


def test_siblings_do_not_know_each_other_and_nothing_imports_daemon() -> None:
    allowed = {"indicators": {"indicators"}, "streams": {"streams"}, "daemon": set(PACKAGES)}
    found = [
        f"{source.at(node)} imports {name}"
        for source in SOURCES
        for node, name in imported(source)
        if name.partition(".")[0] in set(PACKAGES) - allowed[source.path.partition("/")[0]]
    ]
    assert found == []


def test_the_contracts_of_imports_are_kept() -> None:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("import-linter is not installed beside this Python")
    ended = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, env=environment(ROOT), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_indicators_know_nothing_but_numbers() -> None:
    known = {"numpy", "numba", "indicators", *sys.stdlib_module_names}
    found = [
        f"{source.at(node)} imports {name}"
        for source in SOURCES
        if source.path.startswith("indicators/")
        for node, name in imported(source)
        if name.partition(".")[0] not in known
    ]
    assert found == []


def test_the_import_names_belong_to_this_distribution_alone() -> None:
    try:
        distribution("technic-scanner")
    except PackageNotFoundError:
        pytest.skip("technic-scanner is not installed in this environment")
    owners = packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, ())) <= {"technic-scanner"}, f"{package} belongs to another distribution, too"


def test_nothing_that_is_read_is_ever_executed() -> None:
    found = [
        f"{source.at(node)} imports {name}"
        for source in SOURCES
        for node, name in imported(source)
        if name.partition(".")[0] in EXECUTES
    ]
    found += [f"{source.at(call)} calls {name}" for source in SOURCES for call, name in calls(source) if name in CALLS]
    assert found == []


def test_no_shell_and_no_pickled_arrays() -> None:
    found = [
        f"{source.at(call)} {keyword.arg}"
        for source in SOURCES
        for call, _ in calls(source)
        for keyword in call.keywords
        if keyword.arg in {"shell", "allow_pickle"} and is_true(keyword.value)
    ]
    found += [
        f"{source.at(call)} loads arrays without allow_pickle=False"
        for source in SOURCES
        for call, name in calls(source)
        if name == "numpy.load" and argument(call, "allow_pickle", 2) is None
    ]
    assert found == []


def test_one_module_reads_clocks() -> None:
    found = [
        f"{source.at(node)} {name}"
        for source in SOURCES
        if source.path not in CLOCK_READERS
        for node, name in uses(source)
        if name in CLOCKS
    ]
    found += [f"{source.at(call)} loop.time()" for source in SOURCES for call in loop_times(source)]
    assert found == []


def loop_times(source: Source) -> Iterator[ast.Call]:
    """Calls of an event loop's own clock."""
    for call, _ in calls(source):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "time" and not call.args:
            owner = ast.unparse(call.func.value)
            if "loop" in owner.lower():
                yield call


def test_tasks_are_started_in_one_place() -> None:
    found = [
        f"{source.at(call)} {name or ast.unparse(call.func)}"
        for source in SOURCES
        if source.path not in TASK_STARTERS
        for call, name in calls(source)
        if name in TASKS or (isinstance(call.func, ast.Attribute) and call.func.attr in {"create_task", "TaskGroup"})
    ]
    assert found == []


def test_every_queue_has_an_end() -> None:
    found = [
        f"{source.at(call)} {name}"
        for source in SOURCES
        if source.path not in UNBOUNDED
        for call, name in calls(source)
        if name in ENDLESS
        or (name in QUEUES and not is_true(argument(call, "maxsize", 0)))
        or (name == "collections.deque" and not is_true(argument(call, "maxlen", 1)))
    ]
    assert found == []


def test_exceptions_to_the_rules_are_still_needed() -> None:
    paths = {source.path for source in SOURCES}
    assert {*CLOCK_READERS, *TASK_STARTERS, *UNBOUNDED} <= paths


def test_the_heart_is_pure() -> None:
    pure = [source for source in SOURCES if source.path.startswith(PURE)]
    found = [
        f"{source.at(node)} imports {name}"
        for source in pure
        for node, name in imported(source)
        if name.partition(".")[0] in IMPURE
    ]
    found += [
        f"{source.at(node)} waits"
        for source in pure
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith)
    ]
    assert found == []


def test_there_are_no_drawers() -> None:
    found = [source.path for source in SOURCES if Path(source.path).stem in DRAWERS]
    found += [
        f"{source.at(node)} {node.name}"
        for source in SOURCES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Helper", "Handler"))
    ]
    assert found == []


def test_the_daemon_imports_nothing_that_takes_seconds(tmp_path: Path) -> None:
    code = f"import sys, daemon.app, daemon.replay; print(sorted({SLOW!r} & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "[]\n", ended.stderr


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("import time as t\nt.monotonic()", test_one_module_reads_clocks),
        ("from time import monotonic\nmonotonic()", test_one_module_reads_clocks),
        ("from datetime import datetime\ndatetime.now()", test_one_module_reads_clocks),
        ("import datetime\ndatetime.date.today()", test_one_module_reads_clocks),
        ("import asyncio\nasyncio.get_running_loop().time()", test_one_module_reads_clocks),
        ("import asyncio\nasyncio.create_task(f())", test_tasks_are_started_in_one_place),
        ("group.create_task(f())", test_tasks_are_started_in_one_place),
        ("from collections import deque\ndeque()", test_every_queue_has_an_end),
        ("from collections import deque\ndeque([], None)", test_every_queue_has_an_end),
        ("import asyncio\nasyncio.Queue(0)", test_every_queue_has_an_end),
        ("import asyncio\nasyncio.Queue(maxsize=0)", test_every_queue_has_an_end),
        ("from queue import SimpleQueue\nSimpleQueue()", test_every_queue_has_an_end),
        ("eval('1')", test_nothing_that_is_read_is_ever_executed),
        ("import os\nos.system('x')", test_nothing_that_is_read_is_ever_executed),
        ("def f():\n    from joblib import load", test_nothing_that_is_read_is_ever_executed),
        ("import subprocess\nsubprocess.run('x', shell=True)", test_no_shell_and_no_pickled_arrays),
        ("import numpy as np\nnp.load(f)", test_no_shell_and_no_pickled_arrays),
        ("import numpy as np\nnp.load(f, allow_pickle=True)", test_no_shell_and_no_pickled_arrays),
        ("import daemon.app", test_siblings_do_not_know_each_other_and_nothing_imports_daemon),
        ("class FeedManager: ...", test_there_are_no_drawers),
    ],
)
def test_a_breach_is_seen(text: str, rule: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SOURCES", [Source("streams/breach.py", ast.parse(text))])
    with pytest.raises(AssertionError):
        rule()  # type: ignore[operator]
