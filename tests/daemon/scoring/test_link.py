"""The link with real processes; each takes seconds to import River, so each test makes the most of one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.clock import SystemClock
from daemon.scoring.errors import LearnerFailingError, StateError
from daemon.scoring.link import Link
from daemon.scoring.model import Model
from tests.daemon.scoring.lessons import MINUTE_MS, NAMES, lessons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.scoring.view import View

CLOCK = SystemClock()
MINUTES = 40


def bits(view: View | None) -> bytes:
    assert view is not None
    return np.concatenate([view[:5], view.weights, *view.moments]).tobytes()


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    """What a model in this process makes of the lessons, after each."""
    model = Model(NAMES)
    return [bits(model.learn(x.minute_ms, x.features, x.answer)) for x in lessons(MINUTES)]


@pytest.fixture
def link() -> Iterator[Callable[..., Link]]:
    links: list[Link] = []

    def build(patience_s: float = 50.0, backlog: int = 30) -> Link:
        links.append(Link(NAMES, CLOCK, patience_s, backlog))
        return links[-1]

    yield build
    for each in links:
        each.close()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_views_are_those_of_the_model_whatever_happens_to_the_learner(
    link: Callable[..., Link], expected: list[bytes]
) -> None:
    teacher = link()
    for number, lesson in enumerate(lessons(MINUTES)):
        teacher.teach(lesson)
        if number == 10:
            assert teacher.pid is not None
            os.kill(teacher.pid, signal.SIGINT)
        if number in {20, 21}:
            assert teacher.pid is not None
            os.kill(teacher.pid, signal.SIGKILL)
        assert bits(teacher.view(lesson.minute_ms)) == expected[number]
    assert (teacher.deaths, teacher.dropped, teacher.late, teacher.unlearned) == (2, 0, 0, 0)


def test_a_view_never_knows_more_than_was_asked_for_and_a_saved_link_goes_on(
    link: Callable[..., Link], expected: list[bytes]
) -> None:
    teacher, again = link(), link()
    taught = list(lessons(MINUTES))
    for lesson in taught[:20]:
        teacher.teach(lesson)
    assert teacher.settle(50.0)
    assert teacher.view(taught[0].minute_ms - MINUTE_MS) is None
    assert bits(teacher.view(taught[7].minute_ms)) == expected[7]
    assert teacher.view(taught[7].minute_ms) is None
    again.load_arrays(teacher.to_arrays())
    assert bits(again.view(taught[7].minute_ms)) == expected[7]
    assert bits(again.view(taught[9].minute_ms)) == expected[9]
    again.teach(taught[20])
    assert bits(again.view(taught[20].minute_ms)) == expected[20]


def test_without_patience_a_stuck_learner_delays_nothing_and_catches_up(
    link: Callable[..., Link], expected: list[bytes]
) -> None:
    teacher, taught = link(0.0, 5), list(lessons(8))
    teacher.start()
    assert teacher.pid is not None
    os.kill(teacher.pid, signal.SIGSTOP)
    for lesson in taught:
        teacher.teach(lesson)
    assert teacher.view(taught[0].minute_ms) is None
    assert (teacher.unlearned, teacher.dropped, teacher.late) == (5, 3, 1)
    os.kill(teacher.pid, signal.SIGCONT)
    assert teacher.settle(50.0)
    assert bits(teacher.view(taught[-1].minute_ms)) == expected[4]


def test_with_patience_a_stuck_learner_is_an_error(link: Callable[..., Link]) -> None:
    teacher = link(0.05)
    teacher.start()
    assert teacher.pid is not None
    os.kill(teacher.pid, signal.SIGSTOP)
    lesson = next(lessons(1))
    teacher.teach(lesson)
    with pytest.raises(LearnerFailingError, match="within"):
        teacher.view(lesson.minute_ms)


def test_patience_ends_when_told_to_hurry_in_a_call_under_way_too(link: Callable[..., Link]) -> None:
    teacher, lesson = link(50.0), next(lessons(1))
    teacher.teach(lesson)
    assert teacher.pid is not None
    os.kill(teacher.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as engine:
        asking = engine.submit(teacher.view, lesson.minute_ms)
        teacher.hurry()
        assert asking.result(timeout=20) is None
    assert (teacher.late, teacher.unlearned) == (1, 1)


def test_with_patience_a_learner_that_cannot_start_is_an_error(
    link: Callable[..., Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    teacher = link(30.0)
    lesson = next(lessons(1))
    teacher.teach(lesson)
    with pytest.raises(LearnerFailingError, match="has ended"):
        teacher.view(lesson.minute_ms)
    assert teacher.deaths == 3


def test_a_closed_link_leaves_no_process_and_closes_twice(link: Callable[..., Link]) -> None:
    teacher = link()
    teacher.start()
    pid = teacher.pid
    assert pid is not None
    assert alive(pid)
    teacher.close()
    teacher.close()
    assert not alive(pid)
    teacher.start()
    assert teacher.pid is None


def test_a_state_learned_on_other_features_is_refused() -> None:
    saved = Link([*NAMES[1:], NAMES[0]], CLOCK).to_arrays()
    with pytest.raises(StateError, match="other features"):
        Link(NAMES, CLOCK).load_arrays(saved)


PARENT = """
import sys
from daemon.clock import SystemClock
from daemon.scoring.link import Link
link = Link(["a"], SystemClock())
link.start()
print(link.pid, flush=True)
sys.stdin.read()
"""


def test_the_learner_ends_when_its_parent_is_killed() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    deadline_s = CLOCK.monotonic_s() + 30.0
    while alive(pid) and CLOCK.monotonic_s() < deadline_s:
        os.sched_yield()
    assert not alive(pid)


def test_the_engines_process_never_imports_river() -> None:
    modules = ["child", "errors", "features", "judge", "link", "questions", "scaling", "view", "wire"]
    script = f"""
import importlib, sys
for name in {modules}:
    importlib.import_module("daemon.scoring." + name)
sys.exit(", ".join(sorted({{"river", "pandas", "narwhals"}} & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
