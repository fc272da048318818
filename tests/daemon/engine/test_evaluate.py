from __future__ import annotations

import math
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.engine.checks import condition, number
from daemon.engine.coverage import COVERED, GAP, WARMING
from daemon.engine.durations import duration_ms
from daemon.engine.errors import StateError
from daemon.engine.evaluate import Context, Evaluator
from daemon.engine.plan import Plan, When
from daemon.engine.rules import Rule, RuleSet, features, load
from daemon.engine.syntax import Attribute, Between, Binary, Call, Lag, Name, Number, String, Unary
from daemon.engine.vocabulary import SESSIONS, Vocabulary
from indicators import Frame
from tests.daemon.engine.expressions import conditions, numbers, sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.engine.errors import RuleError
    from daemon.engine.syntax import Node

FIELDS = ("open", "high", "low", "close", "volume", "vwap")
VOCABULARY = Vocabulary()


class World:
    """A frame and an evaluator fed with random bars; it remembers all of them for the twin."""

    def __init__(self, plan: Plan, symbols: int = 5) -> None:
        self.plan = plan
        self.frame = Frame(plan.specs, symbols)
        self.evaluator = Evaluator(plan, self.frame)
        self.rows = np.arange(symbols)
        self.random = np.random.default_rng(7)
        self.price = np.full(symbols, 3.0)
        self.minute = -1
        self.past: list[dict[str, Any]] = []

    def bars(self) -> tuple[Context, Any]:
        """Prices on a coarse grid: ties and crossings happen."""
        size = len(self.rows)
        opens, self.price = self.price, np.maximum(self.price + self.random.integers(-2, 3, size), 1.0)
        highs, lows = np.maximum(opens, self.price) + 1, np.minimum(opens, self.price) - 1
        volume = self.random.integers(0, 4, size).astype(float)
        bars = np.array([opens, highs, lows, self.price, volume, np.full(size, np.nan)])
        score = np.where(self.random.random(size) < 0.3, np.nan, self.random.random(size))
        context = Context(bars, float(self.minute), self.random.integers(-1, 3, size), self._starts_ms())
        return context, score

    def _starts_ms(self) -> Any:
        """Some minutes are left out; a bar that forms is of the minute after the last closed one."""
        return np.full(len(self.rows), (self.minute + self.minute // 3 + (self.minute % 5 == 4)) * 60_000)

    def close(self) -> tuple[Context, Any]:
        """One closed bar for all, not yet committed."""
        self.minute += 1
        context, score = self.bars()
        start_ms, session = np.full(len(self.rows), self.minute * 60_000), np.zeros(len(self.rows), np.int64)
        self.frame.update(self.rows, start_ms, context.bars, session)
        self._remember(context, score, self.frame.out)
        return context, score

    def peek(self) -> tuple[Context, Any]:
        """A forming bar for all."""
        self.minute += 1
        context, score = self.bars()
        self.minute -= 1
        start_ms, session = np.full(len(self.rows), self.minute * 60_000), np.zeros(len(self.rows), np.int64)
        self.frame.peek(self.rows, start_ms, context.bars, session)
        self._remember(context, score, self.frame.peeked)
        return context, score

    def _remember(self, context: Context, score: Any, columns: Any) -> None:
        now = dict(zip(FIELDS, context.bars, strict=True))
        now |= {"score": score, "minutes_since_open": np.full(len(self.rows), context.minutes_since_open)}
        now |= {"session": np.broadcast_to(context.phase, self.rows.shape), "start": context.start_ms}
        before = self.past[-1]["start"][0] if self.past else np.nan
        now |= {"minutes_since_bar": (np.asarray(context.start_ms) - before) / 60_000}
        for (key, output), column in zip(self.frame.outputs, columns, strict=True):
            now[f"{key}.{output}"] = column[self.rows].copy()
        self.past.append(now)

    def forget(self) -> None:
        """The last bar was forming."""
        self.past.pop()


def twin(tree: Node, past: list[dict[str, Any]], i: int, back: int = 0) -> Any:  # noqa: C901, PLR0911, PLR0912
    """The value of any tree at symbol i, straight from its meaning: no normal form, no look-back state. Truth is
    True, False, or None where it is not known.
    """
    match tree:
        case Number(value):
            return value
        case String(value):
            return SESSIONS[value]
        case Name(name):
            name = {"price": "close"}.get(name, name)
            return float(past[-1 - back][name][i]) if back < len(past) else math.nan
        case Attribute(Call() as call, output):
            return _output(call, output, past, i, back)
        case Call("crosses_above" | "crosses_below" as name, (left, right)):
            beyond = ">" if name == "crosses_above" else "<"
            before = _compare(beyond, twin(left, past, i, back + 1), twin(right, past, i, back + 1))
            now = _compare(beyond, twin(left, past, i, back), twin(right, past, i, back))
            return _and(now, None if before is None else not before)
        case Call("became", (of,)):
            before = twin(of, past, i, back + 1)
            return _and(twin(of, past, i, back), None if before is None else not before)
        case Call("rising" | "falling" as name, (of, Number(bars))):
            values = [twin(of, past, i, back + n) for n in range(int(bars) + 1)]
            beyond = ">" if name == "rising" else "<"
            steps = [_compare(beyond, left, right) for left, right in pairwise(values)]
            return False if False in steps else None if None in steps else True
        case Call("highest" | "lowest" as name, (of, Number(bars))):
            return float(
                (np.max if name == "highest" else np.min)([twin(of, past, i, back + n) for n in range(int(bars))])
            )
        case Call("within", (String(length), *steps)):
            return _in_turn(steps, duration_ms(length) or 0, past, i)
        case Call(name, arguments) if name in ("sma", "roc", "ema", "donchian"):
            return _output(tree, name, past, i, back)
        case Call(name, arguments):
            return FUNCTIONS[name](*(twin(argument, past, i, back) for argument in arguments))
        case Lag(of, bars):
            return twin(of, past, i, back + bars)
        case Unary("negative", operand):
            return -twin(operand, past, i, back)
        case Unary("not", operand):
            held = twin(operand, past, i, back)
            return None if held is None else not held
        case Between(value, low, high):
            of = twin(value, past, i, back)
            return _and(_compare(">=", of, twin(low, past, i, back)), _compare("<=", of, twin(high, past, i, back)))
        case Binary("and", left, right):
            return _and(twin(left, past, i, back), twin(right, past, i, back))
        case Binary("or", left, right):
            sides = [twin(left, past, i, back), twin(right, past, i, back)]
            return True if True in sides else None if None in sides else False
        case Binary("+" | "-" | "*" | "/" as operator, left, right):
            return _arithmetic(operator, twin(left, past, i, back), twin(right, past, i, back))
        case Binary(operator, left, right):
            return _compare(operator, twin(left, past, i, back), _constant(right, past, i, back))
    raise AssertionError(tree)


def _constant(right: Node, past: list[dict[str, Any]], i: int, back: int) -> Any:
    """A value, or a session's code, which is not known of a bar that was not."""
    return twin(right, past, i, back) if not isinstance(right, String) or back < len(past) else math.nan


def _in_turn(steps: Sequence[Node], window_ms: int, past: list[dict[str, Any]], i: int) -> bool:
    """Whether there are bars, each later than the one before, the last of them now, at which the steps held."""
    held = [[twin(step, past[: n + 1], i) is True for n in range(len(past))] for step in steps]
    for bars in combinations(range(len(past) - 1), len(steps) - 1):
        chain = (*bars, len(past) - 1)
        length_ms = past[chain[-1]]["start"][i] - past[chain[0]]["start"][i]
        if length_ms <= window_ms and all(held[n][bar] for n, bar in enumerate(chain)):
            return True
    return False


def _output(call: Call, output: str, past: list[dict[str, Any]], i: int, back: int) -> float:
    (window,) = call.arguments
    assert isinstance(window, Number)
    key = f"{call.name}({int(window.value)}).{output}"
    return float(past[-1 - back][key][i]) if back < len(past) else math.nan


def _and(left: bool | None, right: bool | None) -> bool | None:
    return False if False in (left, right) else None if None in (left, right) else True


def _compare(operator: str, left: float, right: float) -> bool | None:
    if math.isnan(left) or math.isnan(right):
        return None
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }[operator]


def _arithmetic(operator: str, left: float, right: float) -> float:
    with np.errstate(all="ignore"):
        if operator == "/":
            return float(np.divide(left, right)) if right != 0 else math.nan
        return float({"+": np.add, "-": np.subtract, "*": np.multiply}[operator](left, right))


def _known(function: Any, low: float, *, included: bool = False) -> Any:
    return lambda x: float(function(x)) if x > low or (included and x == low) else math.nan


FUNCTIONS = {
    "abs": abs,
    "log": _known(np.log, 0.0),
    "log1p": _known(np.log1p, -1.0),
    "sqrt": _known(np.sqrt, 0.0, included=True),
    "sign": lambda x: float(np.sign(x)),
    "tanh": lambda x: float(np.tanh(x)),
    "min": lambda x, y: float(np.minimum(x, y)),
    "max": lambda x, y: float(np.maximum(x, y)),
    "clip": lambda x, low, high: float(np.minimum(np.maximum(x, low), high)),
}


def compiled(*trees: Node, tick: bool = False) -> Plan:
    checked = [(condition(tree, VOCABULARY, []),) for tree in trees]
    evaluate = "tick" if tick else "close"
    return Plan(
        RuleSet("r.toml", tuple(Rule(f"r{n}", (), where, 0, "low", evaluate) for n, where in enumerate(checked)))
    )


def plan(*where: str, model: tuple[str, ...] = ()) -> Plan:
    text = "\n".join(f"[[rule]]\nname = 'r{n}'\nwhere = \"{rule}\"" for n, rule in enumerate(where))
    return Plan(load(text, "r.toml"), features(model))


def meant(tree: Node) -> bool:
    """Whether a random condition is one: two constants may have met in it."""
    errors: list[RuleError] = []
    condition(tree, VOCABULARY, errors)
    return not errors


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers(), min_size=1, max_size=4))
def test_numbers_are_what_they_mean_closed_and_forming(trees: list[Node]) -> None:
    checked = [number(tree, VOCABULARY, []) for tree in trees]
    world = World(Plan(RuleSet("r.toml", ()), checked))
    for _ in range(6):
        context, score = world.peek()
        inputs = world.evaluator._inputs(world.rows, context, score, when=When.FORMING)
        _agree(trees, world, inputs)
        world.forget()
        context, score = world.close()
        _agree(trees, world, world.evaluator._inputs(world.rows, context, score, when=When.CLOSED))
        world.evaluator.commit(world.rows, context, score)


def _agree(trees: list[Node], world: World, inputs: Any) -> None:
    from daemon.engine.machine import run

    values = run(world.evaluator._features, inputs)
    expected = [[twin(tree, world.past, i) for tree in trees] for i in world.rows]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(conditions().filter(meant), min_size=1, max_size=3))
def test_a_rule_holds_only_when_it_certainly_does(trees: list[Node]) -> None:
    world = World(compiled(*trees, tick=True))
    for _ in range(6):
        context, score = world.peek()
        held = world.evaluator.conditions(world.rows, context, score, when=When.FORMING)
        assert held.tolist() == [[twin(tree, world.past, i) is True for i in world.rows] for tree in trees]
        world.forget()
        context, score = world.close()
        held = world.evaluator.conditions(world.rows, context, score)
        assert held.tolist() == [[twin(tree, world.past, i) is True for i in world.rows] for tree in trees]
        world.evaluator.commit(world.rows, context, score)


@settings(max_examples=60, deadline=None)
@given(st.lists(sequences().filter(meant), min_size=1, max_size=2))
def test_steps_have_to_come_in_turn_and_in_time(trees: list[Node]) -> None:
    world = World(compiled(*trees, tick=True))
    for _ in range(8):
        for forming in (True, False):
            context, score = world.peek() if forming else world.close()
            when = When.FORMING if forming else When.CLOSED
            held = world.evaluator.conditions(world.rows, context, score, when=when)
            assert held.tolist() == [[twin(tree, world.past, i) is True for i in world.rows] for tree in trees]
            if forming:
                world.forget()
        world.evaluator.commit(world.rows, context, score)


def test_lists_say_who_is_in_them() -> None:
    world = World(plan("symbol in ['B', 'D']", "not symbol in ['B']", "sector in ['Energy']", "sector != 'Energy'"))
    symbols, sectors = np.array([b"A", b"B", b"C", b"D", b""], "S16"), np.array([1, 2, 0, 1, 0])
    world.evaluator.know_members(symbols, sectors, ("", "Energy", "Utilities"))
    context, score = world.close()
    held = world.evaluator.conditions(world.rows, context, score)
    assert held.astype(int).tolist() == [[0, 1, 0, 1, 0], [1, 0, 1, 1, 1], [1, 0, 0, 1, 0], [0, 1, 0, 0, 0]]
    world.evaluator.zero(np.array([1]))
    assert world.evaluator.conditions(world.rows, context, score)[0, 1]


def test_coverage_is_that_of_the_rule_that_asks() -> None:
    world = World(plan("coverage == 'covered'", "coverage != 'covered' or close < 0"))
    context, score = world.close()
    for rule in (0, 1):
        world.evaluator.cover(rule, world.rows, np.array([COVERED, WARMING, COVERED, COVERED, GAP], np.int8))
    held = world.evaluator.conditions(world.rows, context, score)
    assert held.astype(int).tolist() == [[1, 0, 1, 1, 0], [0, 1, 0, 0, 1]]


@pytest.mark.parametrize(
    "text",
    [
        "rsi(14) > 70",
        "not (rsi(14) > 70)",
        "rsi(14) != 3",
        "not rsi(14) == 3",
        "not rsi(14) between 1 and 2",
        "score < 9",
    ],
)
def test_nothing_holds_of_what_is_not_known(text: str) -> None:
    world = World(plan(text))
    context, score = world.close()
    assert not world.evaluator.conditions(world.rows, context, np.full_like(score, np.nan)).any()
    assert not world.evaluator.conditions(world.rows, context, None).any()


def test_look_back_is_at_the_closed_bar_before_this_one() -> None:
    world = World(plan(model=("close[1]", "close[3]", "(close - open[1])[1]")), 1)
    closes, opens = [], []
    for _ in range(5):
        context, _ = world.close()
        opens.append(context.bars[0, 0])
        closes.append(context.bars[3, 0])
        world.evaluator.commit(world.rows, context, None)
    context, _ = world.peek()
    values = world.evaluator.features(world.rows, context, when=When.FORMING)
    assert values.tolist() == [[closes[-1], closes[-3], closes[-1] - opens[-2]]]


def test_rows_go_on_by_themselves() -> None:
    world = World(plan(model=("close[1]", "close[2]")), 3)
    seen: dict[int, list[float]] = {row: [] for row in range(3)}
    everyone = world.rows
    for chosen in ([0, 1, 2], [1], [2, 0], [1, 2], [0, 1, 2]):
        world.rows = np.array(chosen)
        world.price = np.arange(len(chosen)) + world.random.integers(2, 9) * 1.0
        context, _ = world.close()
        values = world.evaluator.features(world.rows, context)
        for position, row in enumerate(chosen):
            before = [*reversed(seen[row]), math.nan, math.nan][:2]
            np.testing.assert_array_equal(values[position], before)
            seen[row].append(context.bars[3, position])
        world.evaluator.commit(world.rows, context, None)
    assert [len(seen[row]) for row in everyone] == [3, 4, 4]


def test_values_do_not_depend_on_what_is_computed_beside_them() -> None:
    world = World(plan(model=("log(close / 7)", "tanh(close - open)", "log1p(volume) / sqrt(close)")), 700)
    context, _ = world.close()
    together = world.evaluator.features(world.rows, context)
    for part in (slice(0, 1), slice(3, 260), slice(255, 700)):
        alone = world.evaluator.features(world.rows[part], Context(context.bars[:, part], 0.0, 1))
        assert alone.tobytes() == together[part].tobytes()


def test_forming_bars_are_shown_to_the_rules_that_ask_for_them() -> None:
    text = "".join(
        f"[[rule]]\nname = '{kind}'\nwhere = 'close > 0'\nevaluate = '{kind}'\n" for kind in ("close", "tick")
    )
    world = World(Plan(load(text, "r.toml")))
    context, score = world.peek()
    assert world.evaluator.conditions(world.rows, context, score, when=When.FORMING).tolist() == [
        [False] * 5,
        [True] * 5,
    ]
    context, score = world.close()
    assert world.evaluator.conditions(world.rows, context, score).all()


def test_an_explanation_gives_each_term_its_value() -> None:
    world = World(
        plan("close > 0", "close - close[1] < 99 and rsi(14) > 2 or score > 0.5 and close[1] between 1 and 3")
    )
    for _ in range(2):
        context, score = world.close()
        seen = world.evaluator.explain(1, np.array([3, 1]), world.rows, context, score)
        world.evaluator.commit(world.rows, context, score)
    now, before = (past["close"][[3, 1]] for past in (world.past[1], world.past[0]))
    assert list(seen) == ["close - close[1]", "rsi(14)", "score", "close[1]"]
    np.testing.assert_array_equal(seen["close - close[1]"], now - before)
    np.testing.assert_array_equal(seen["rsi(14)"], [np.nan, np.nan])
    np.testing.assert_array_equal(seen["score"], score[[3, 1]])


def test_no_rows_and_no_rules_are_no_trouble() -> None:
    world = World(plan())
    context, score = world.close()
    assert world.evaluator.conditions(world.rows, context, score).shape == (0, 5)
    assert world.evaluator.features(world.rows, context).shape == (5, 0)
    none = Context(np.zeros((6, 0)), 0.0, 1)
    assert World(plan("close > 5")).evaluator.conditions(np.zeros(0, np.int64), none, None).shape == (1, 0)


MEMORY = ("close[5]", "sma(3)[2]", "volume[1]")


def _stepped(world: World, bars: int) -> Any:
    values = None
    for _ in range(bars):
        context, score = world.close()
        values = world.evaluator.features(world.rows, context)
        world.evaluator.commit(world.rows, context, score)
    return values


def test_saved_look_back_goes_on_bit_for_bit() -> None:
    first = World(plan(model=MEMORY))
    _stepped(first, 11)
    second = World(plan(model=MEMORY))
    second.evaluator.load_arrays({key: array.copy() for key, array in first.evaluator.to_arrays().items()})
    context, _ = first.close()
    second.frame.load_arrays({key: array.copy() for key, array in first.frame.to_arrays().items()})
    ours, theirs = (world.evaluator.features(world.rows, context) for world in (first, second))
    assert ours.tobytes() == theirs.tobytes()
    assert np.isfinite(ours).all()


def test_changed_rules_keep_the_look_back_they_share() -> None:
    first = World(plan(model=MEMORY))
    _stepped(first, 11)
    second = World(plan(model=("close[40]", "close[2]", "open[1]", "sma(3)[1]")))
    second.evaluator.load_arrays(first.evaluator.to_arrays())
    context, _ = first.close()
    values = second.evaluator.features(second.rows, context)
    np.testing.assert_array_equal(values[:, 1], first.past[-3]["close"])
    np.testing.assert_array_equal(values[:, 3], first.past[-2]["sma(3).sma"])
    assert np.isnan(values[:, [0, 2]]).all()


def test_saved_arrays_that_do_not_fit_are_refused() -> None:
    world = World(plan(model=MEMORY))
    arrays = world.evaluator.to_arrays()
    for broken in ({}, {**arrays, "count": np.zeros(3, np.int64)}, {**arrays, "lag/close": np.zeros(5)}):
        with pytest.raises(StateError):
            world.evaluator.load_arrays(broken)


def test_more_rows_keep_what_was_and_a_forgotten_row_starts_anew() -> None:
    world = World(plan(model=("close[1]",)))
    context, _ = world.close()
    world.evaluator.commit(world.rows, context, None)
    world.frame.reserve(3_000)
    context, _ = world.close()
    np.testing.assert_array_equal(world.evaluator.features(world.rows, context)[:, 0], world.past[0]["close"])
    world.evaluator.zero(2)
    assert np.isnan(world.evaluator.features(world.rows, context)[:, 0]).tolist() == [i == 2 for i in range(5)]
