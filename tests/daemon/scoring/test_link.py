"""The link with real processes; each takes seconds to import River, so each test makes the most of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.clock import SystemClock
from daemon.scoring.errors import LearnerFailingError, StateError
from daemon.scoring.learner import STATE_ROWS, School
from daemon.scoring.link import Link
from daemon.scoring.model import Model
from daemon.scoring.recipes import DEFAULT_LADDER, Course
from daemon.scoring.wire import Decoder, Frame, Syllabus, encoded
from daemon.scoring.wire import lesson as wire_lesson
from tests.daemon.scoring.lessons import MINUTE_MS, NAMES, lessons, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.scoring.view import View

CLOCK = SystemClock()
MINUTES = 40
COURSE = Course("large_move", recipes=tuple(DEFAULT_LADDER), memory_rows=5_000)


def bits(view: View | None) -> bytes:
    assert view is not None
    return b"".join(array.tobytes() for array in view.to_arrays().values())


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    """What a model in this process makes of the lessons, after each."""
    model = Model(NAMES, COURSE)
    return [bits(model.learn(questions(lesson))) for lesson in lessons(MINUTES)]


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Callable[..., Link]]:
    links: list[Link] = []

    def build(patience_s: float = 50.0, backlog: int = 30) -> Link:
        links.append(Link(NAMES, CLOCK, patience_s, backlog, [COURSE], tmp_path))
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


def test_without_learning_what_was_learned_before_scores_on(link: Callable[..., Link]) -> None:
    teacher = link()
    *before, last = lessons(12)
    for lesson in before:
        teacher.teach(lesson)
    view = teacher.view(before[-1].minute_ms)
    fixed = Link(NAMES, CLOCK, 0.0, courses=[COURSE], learns=False)
    fixed.load_arrays(teacher.to_arrays())
    fixed.start()
    assert bits(fixed.view(last.minute_ms)) == bits(view)
    fixed.teach(last)
    assert fixed.view(last.minute_ms + MINUTE_MS) is None
    assert (fixed.pid, fixed.unlearned, fixed.dropped, fixed.late, fixed.deaths) == (None, 0, 0, 0, 0)
    kept, saved = fixed.to_arrays(), teacher.to_arrays()
    assert {name for name in saved if saved[name].tobytes() != kept[name].tobytes()} == set()


def test_states_do_not_keep_views_waiting_where_the_engine_seldom_asks(link: Callable[..., Link]) -> None:
    teacher = link()
    first, *rest = lessons(6, rows=STATE_ROWS)
    teacher.teach(first)
    assert teacher.settle(50.0)
    teacher.hurry()
    for lesson in rest:
        teacher.teach(lesson)
    time.sleep(2.0)
    assert teacher.view(rest[-1].minute_ms) is not None
    assert (teacher.unlearned, teacher.late) == (0, 0)


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


def test_a_state_of_a_version_that_kept_no_names_is_refused_for_other_features() -> None:
    with pytest.raises(StateError, match="other features"):
        Link(NAMES, CLOCK).load_arrays({"numbers": np.zeros((1, 25)), "features": np.zeros(32, np.uint8)})


@pytest.mark.parametrize("name", ["views", "lessons"])
def test_a_torn_state_is_refused(name: str) -> None:
    arrays = {**Link(NAMES, CLOCK).to_arrays(), name: np.frombuffer(b"TSW2 and then something else", np.uint8)}
    with pytest.raises(StateError, match="no state of a link"):
        Link(NAMES, CLOCK).load_arrays(arrays)


def pending(*numbers: int, kind: str = "lesson", target: int = 0) -> np.ndarray:
    frames = [Frame(kind, number, target, number * MINUTE_MS, "", {}) for number in numbers]  # type: ignore[arg-type]
    return np.frombuffer(b"".join(map(encoded, frames)), np.uint8)


@pytest.mark.parametrize(
    "hostile",
    [
        {"lessons": pending(*range(1, 60)), "numbered": np.array([59, 0])},
        {"lessons": pending(2, 1), "numbered": np.array([2, 0])},
        {"lessons": pending(1, 2), "numbered": np.array([1, 0])},
        {"lessons": pending(1, kind="ask"), "numbered": np.array([1, 0])},
        {"lessons": pending(1, target=-1), "numbered": np.array([1, 0])},
        {"lessons": pending(1, target=7), "numbered": np.array([1, 0])},
        {"views": pending(1, target=-1)},
        {"numbered": np.array([1, 2])},
        {"numbered": np.array([3, -1])},
        {"numbered": np.array([40, 0])},
        {"numbered": np.array([1.0, np.nan])},
        {"state/0/moments": np.zeros(3, np.float16)},
        {"state/0/moments": np.zeros(1 << 24)},
        {f"state/0/{n:040}": np.zeros(0) for n in range(30_000)},
    ],
)
def test_a_hostile_state_is_refused_and_changes_nothing(hostile: dict[str, np.ndarray]) -> None:
    empty = Link(NAMES, CLOCK).to_arrays()
    teacher = Link(NAMES, CLOCK)
    with pytest.raises(StateError):
        teacher.load_arrays({**empty, **hostile})
    assert {name: array.tolist() for name, array in teacher.to_arrays().items()} == {
        name: array.tolist() for name, array in empty.items()
    }


def test_a_lesson_that_is_none_is_left_out_and_told() -> None:
    sent: list[bytes] = []
    school = School(Syllabus(NAMES, (COURSE,)), sent.append)
    (lesson,) = lessons(1)
    whole = next(iter(Decoder().feed(wire_lesson(1, lesson))))
    damages = {
        "features": whole.arrays["features"][:, :2],
        "sector": whole.arrays["sector"][:1],
        "score": whole.arrays["score"].astype(np.float32),
        "answer": whole.arrays["answer"].astype(np.int64),
        "context": np.array([0.0, 0.0, np.nan]),
    }
    for number, (name, array) in enumerate(damages.items(), 1):
        school.learn(whole._replace(number=number, arrays={**whole.arrays, name: array}))
    school.learn(whole._replace(number=6, arrays={**whole.arrays, "context": np.array([0.0, 99.0, 0.5])}))
    school.learn(whole._replace(number=7, arrays={}))
    school.learn(whole._replace(number=8))
    frames = [frame for one in sent for frame in Decoder().feed(one)]
    assert [frame.number for frame in frames if frame.kind == "view"] == list(range(1, 9))
    assert sum("left out" in frame.text for frame in frames if frame.kind == "news") == 7
    assert school.models[0].lessons == 1


def test_the_figures_of_all_models_come_when_they_are_asked_for(link: Callable[..., Link]) -> None:
    teacher = link()
    assert teacher.ask(1.0) == ""
    for lesson in lessons(25):
        teacher.teach(lesson)
    figures = json.loads(teacher.ask(50.0))
    assert [one["name"] for one in figures] == ["logistic", "knots", "fast", "ensemble"]
    assert {one["lessons"] for one in figures} == {25}


def test_lessons_not_yet_learned_are_part_of_the_state(link: Callable[..., Link], expected: list[bytes]) -> None:
    teacher, again = link(0.0), link()
    teacher.start()
    assert teacher.pid is not None
    os.kill(teacher.pid, signal.SIGSTOP)
    taught = list(lessons(5))
    for lesson in taught:
        teacher.teach(lesson)
    again.load_arrays(teacher.to_arrays())
    assert again.unlearned == 5
    assert bits(again.view(taught[4].minute_ms)) == expected[4]


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
    modules = ["child", "ladder", "link", "memory", "modelfigures", "questions", "scorecard", "trees", "view", "wire"]
    script = f"""
import importlib, sys
for name in {modules}:
    importlib.import_module("daemon.scoring." + name)
sys.exit(", ".join(sorted({{"river", "pandas", "narwhals"}} & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
