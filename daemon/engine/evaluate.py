"""Runs a plan over rows: features, then conditions, then the look-back of closed bars."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from daemon.engine.crosscalls import across
from daemon.engine.crosssection import CrossSections
from daemon.engine.distance import Distances
from daemon.engine.frozen import Frozen
from daemon.engine.graph import Graph
from daemon.engine.lags import Lags
from daemon.engine.machine import Inputs, run
from daemon.engine.plan import When
from daemon.engine.syntax import Covered, In, Name, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from daemon.engine.machine import Program
    from daemon.engine.plan import Plan
    from daemon.engine.syntax import Node
    from indicators import Frame
    from streams.types import Flags, Floats, Longs, Symbols


class Context(NamedTuple):
    """What a step knows besides indicator state; n bars, or one value that holds for all of them.

    Attributes:
        bars: ``float64[6, n]``, open, high, low, close, volume, vwap of this step's bars, closed or forming.
        minutes_since_open: ``float64[n]`` or one: from the regular open to the start of the bar, NaN outside
            regular hours.
        phase: ``int8[n]`` or one: session's code, see `daemon.engine.vocabulary.SESSIONS`.
        start_ms: ``int64[n]`` or one, of the bars.
    """

    bars: Floats
    minutes_since_open: Floats | float
    phase: NDArray[np.integer[Any]] | int
    start_ms: Longs | int = 0


class Evaluator:
    """Evaluates a plan's features and rules, and owns the look-back state.

    For each step: `Frame.update`, then `features`, `conditions`, `explain`, and last `commit`; on forming
    bars `Frame.peek` and the same with `When.FORMING`, without `commit`. When the market's minute closes, `freeze` with
    all rows that take part, then the same with `When.BARRIER` and the rows whose bar is of that minute. Then ``x[1]``
    is the value at the closed bar before this one, whether this one is forming, closed, or already committed. Rows are
    those of the frame, no row twice. Cross-sections are read as they were frozen last.

    Args:
        plan: what to evaluate.
        frame: where indicators stand; it must hold `plan.specs`.
        longer: frames of longer timeframes by minutes; they must hold `plan.longer`.
    """

    def __init__(self, plan: Plan, frame: Frame, longer: Mapping[int, Frame] = MappingProxyType({})) -> None:
        self._plan = plan
        self._frame, self._longer = frame, longer
        spare = 1 if plan.frozen else 0  # at the barrier the bar itself is remembered already
        self._lags = Lags({text: bars + spare for text, bars in plan.lags.items()}, frame.capacity)
        self._frozen = Frozen([_kept(leaf) for leaf in plan.frozen], frame.capacity)
        self._periods = plan.periods
        self._features = self._program(plan.features)
        self._leaves = self._program([plan.leaves[text] for text in self._lags.depths])
        self._across = CrossSections(plan.across, self._program)
        self._conditions = {when: self._choose(chosen) for when, chosen in plan.judged.items()}
        self._amended = [text for text in self._lags.depths if any(True for _ in across(plan.leaves[text]))]
        self._amendment = self._program([plan.leaves[text] for text in self._amended])
        self._ending = [rule for rule, tree in enumerate(plan.untils) if tree]
        self._untils = self._program([tree for tree in plan.untils if tree])
        self._asked, self._kept = self._program(plan.asked), self._program(plan.kept)
        self._orders: dict[int, Program] = {}
        self._distances: tuple[Distances, Program] | None = None
        self._explanations: dict[int, tuple[tuple[str, ...], Program]] = {}
        self._unusual = np.full((2, 0), np.nan)  # of each row's last closed bar, and of its forming one

    def features(self, rows: Longs, context: Context, *, when: When = When.CLOSED) -> Floats:
        """The model's features, ``float64[n, k]`` in C order, NaN where not known."""
        return run(self._features, self._inputs(rows, context, None, when=when))

    def conditions(self, rows: Longs, context: Context, score: Floats | None, *, when: When = When.CLOSED) -> Flags:
        """Which rules hold, ``bool[rules, n]``; those that are not evaluated at this moment are false.

        Args:
            rows: ``int64[n]``.
            context: see `Context`.
            score: ``float64[n]``, NaN where there is none; None for none at all.
            when: which rules are asked for, see `Plan.judged`.
        """
        chosen = self._plan.judged[when]
        held = np.zeros((len(chosen), len(rows)), np.bool_)
        if chosen.any():
            result = run(self._conditions[when], self._inputs(rows, context, score, when=when))
            held[chosen] = result.T > 0.0
        return held

    def untils(self, rows: Longs, context: Context, score: Floats | None, *, when: When = When.CLOSED) -> Flags:
        """Which rules' episodes end by their ``until``, ``bool[rules, n]``; false for those without one."""
        ends = np.zeros((len(self._plan.rules), len(rows)), np.bool_)
        if self._ending:
            ends[self._ending] = run(self._untils, self._inputs(rows, context, score, when=when)).T > 0.0
        return ends

    def asked(self, rows: Longs, context: Context, score: Floats | None) -> Flags:
        """Which of the conditions that targets name hold at the last closed bars, ``bool[conditions, n]``."""
        return np.asarray(run(self._asked, self._inputs(rows, context, score, when=When.BARRIER)).T > 0.0)

    def kept(self, rows: Longs, context: Context, score: Floats | None) -> Floats:
        """What questions about the future need to know of the last closed bars, ``float64[n, kept]``."""
        return run(self._kept, self._inputs(rows, context, score, when=When.BARRIER))

    def order(
        self,
        rule: int,
        positions: Longs,
        rows: Longs,
        context: Context,
        score: Floats | None,
        *,
        when: When = When.CLOSED,
    ) -> Floats:
        """What the candidates of a rule at `positions` are ordered by, ``float64``; NaN where not known."""
        tree = self._plan.orders[rule]
        if tree is None:
            return np.full(len(positions), np.nan)
        if rule not in self._orders:
            self._orders[rule] = self._program([tree])
        inputs = self._inputs(*_part(positions, rows, context, score), when=when)
        return run(self._orders[rule], inputs)[:, 0]

    def values(
        self, trees: Sequence[Node], rows: Longs, context: Context, score: Floats | None, *, when: When
    ) -> Floats:
        """Whatever is asked of the plan's leaves, ``float64[n, k]``; compiled for this once."""
        return run(self._program(trees), self._inputs(rows, context, score, when=when))

    def know_members(self, symbols: Symbols, sectors: Longs, sector_names: Sequence[str]) -> None:
        """Fill in who is in the lists that rules name.

        Args:
            symbols: ``S16[n]``, of each row, empty where there is none.
            sectors: ``int64[n]``, the group of each.
            sector_names: of the groups; the first, empty, is of those whose sector is not known.
        """
        self._frozen.reserve(self._frame.capacity)
        for leaf, column in self._plan.lists.items():
            members, rows = self._frozen.columns[column], slice(0, len(symbols))
            if leaf.value == Name("symbol"):
                wanted = np.array([member.encode() for member in leaf.members], symbols.dtype)
                members[rows] = np.isin(symbols, wanted)
            else:
                groups = [group for group, name in enumerate(sector_names) if name and name in leaf.members]
                members[rows] = np.where(sectors == 0, np.nan, np.isin(sectors, groups))

    def cover(self, rule: int, rows: Longs, states: NDArray[np.int8]) -> None:
        """Say how a rule that names ``coverage`` is covered: codes, ``int8[n]``, at `rows`."""
        self._frozen.reserve(self._frame.capacity)
        self._frozen.columns[self._plan.covered[rule], rows] = states

    def distance(self, rows: Longs, context: Context, score: Floats | None) -> Floats:
        """How far the nearest rule is from firing at the next bar, were it like this closed one; see `Distances`.

        Asked after `commit`, between steps. Returns ``float64[n]``, 0 where a rule holds, 1 far or not known.
        """
        if self._distances is None:
            found = Distances(self._plan.conditions)
            self._distances = found, self._program(found.roots)
        distances, program = self._distances
        return distances.of(run(program, self._inputs(rows, context, score, when=When.CLOSED)))

    def explain(
        self,
        rule: int,
        positions: Longs,
        rows: Longs,
        context: Context,
        score: Floats | None,
        *,
        when: When = When.CLOSED,
    ) -> dict[str, Floats]:
        """What a rule saw: `Plan.terms` with their values at `positions` of this step, NaN if not known."""
        texts, program = self._explanations.get(rule) or self._explanation(rule)
        values = run(program, self._inputs(*_part(positions, rows, context, score), when=when))
        return dict(zip(texts, values.T, strict=True))

    def commit(self, rows: Longs, context: Context, score: Floats | None) -> None:
        """The bars of this step are closed: what is looked back at remembers them."""
        values = run(self._leaves, self._inputs(rows, context, score, when=When.CLOSED))
        self._lags.push(rows, values)

    def freeze(self, rows: Longs, context: Context, score: Floats | None, sectors: Longs, newest: Longs) -> None:
        """The market's minute has closed: take the cross-sections, and let look-back know them.

        Args:
            rows: ``int64[n]``, those that take part; of all others no cross-section is known from now on.
            context: their last closed bars.
            score: their scores, as at `conditions`.
            sectors: ``int64[n]``, the group of each.
            newest: ``int64[m]``, rows whose last closed bar belongs to this minute.
        """
        self.renew(np.arange(self._frame.capacity))
        if not self._plan.across:
            return
        self._across.freeze(self._inputs(rows, context, score, when=When.BARRIER), sectors, self._frozen)
        if self._amended:
            taken = np.isin(newest, rows)
            part = _part(np.searchsorted(rows, newest[taken]), rows, context, score)
            values = np.full((len(newest), len(self._amended)), np.nan)
            values[taken] = run(self._amendment, self._inputs(*part, when=When.BARRIER))
            for text, column in zip(self._amended, values.T, strict=True):
                self._lags.amend(text, newest, column)

    def note_unusual(self, rows: Longs, values: Floats, *, when: When) -> None:
        """How unusual the bars of this step are, ``float64[n]``, for what asks for it next."""
        self._reserve()
        self._unusual[int(when is When.FORMING), rows] = values

    def renew(self, rows: Longs) -> None:
        """Longer bars of `rows` have closed: their values hold from now on."""
        self._frozen.reserve(self._frame.capacity)
        for column, minutes, key, output in self._periods:
            frame = self._longer[minutes]
            self._frozen.columns[column, rows] = frame.out[frame.column(key, output), rows]

    def rewind(self, rows: Longs, bars: Longs) -> None:
        """Forget the newest bars of each row, ``int64[n]`` how many: they are committed anew."""
        self._lags.rewind(rows, bars)

    def zero(self, rows: Longs | int) -> None:
        """Forget rows."""
        self._lags.zero(rows)
        self._frozen.zero(rows)
        self._reserve()
        self._unusual[:, rows] = np.nan

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Look-back, frozen columns, and how unusual each row was; see `Lags.to_arrays` and `Frozen.to_arrays`."""
        self._reserve()
        return {**self._lags.to_arrays(), **self._frozen.to_arrays(), "unusual": self._unusual[0]}

    def load_arrays(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Go on where `to_arrays` left off; what other rules looked back at is dropped.

        Raises:
            StateError: the arrays do not fit together; nothing was changed.
        """
        self._lags.load_arrays(arrays)
        self._frozen.load_arrays(arrays)
        saved = arrays.get("unusual", np.zeros(0))
        self._reserve()
        self._unusual[0, : len(saved)] = saved[: self._unusual.shape[1]]

    def _program(self, roots: Sequence[Node]) -> Program:
        rings = {text: (self._lags.first[text], depth - 1) for text, depth in self._lags.depths.items()}
        return Graph(self._column, rings, self._plan.frozen).program(roots)

    def _column(self, leaf: Node) -> int:
        return self._frame.column(*self._plan.outputs[leaf])

    def _choose(self, chosen: Flags) -> Program:
        return self._program([self._plan.conditions[rule] for rule in np.flatnonzero(chosen)])

    def _explanation(self, rule: int) -> tuple[tuple[str, ...], Program]:
        """Made when a rule first fires: a hundred rules need not wait for it at start."""
        terms = self._plan.terms(rule)
        self._explanations[rule] = (tuple(terms), self._program(list(terms.values())))
        return self._explanations[rule]

    def _reserve(self) -> None:
        self._lags.reserve(self._frame.capacity)
        self._frozen.reserve(self._frame.capacity)
        more = self._frame.capacity - self._unusual.shape[1]
        if more > 0:
            self._unusual = np.pad(self._unusual, ((0, 0), (0, more)), constant_values=np.nan)

    def _inputs(self, rows: Longs, context: Context, score: Floats | None, *, when: When) -> Inputs:
        self._reserve()
        values = np.empty((5, len(rows)))
        values[0] = np.nan if score is None else score
        values[1] = context.minutes_since_open
        values[2] = context.phase
        values[3] = context.start_ms
        values[4] = self._unusual[int(when is When.FORMING), rows]
        columns = self._frame.peeked if when is When.FORMING else self._frame.out
        pushed = self._lags.count - 1 if when is When.BARRIER else self._lags.count
        bars = np.ascontiguousarray(context.bars)
        return Inputs(rows, bars, values, columns, self._lags.rings, pushed, self._frozen.columns)


def _part(
    positions: Longs, rows: Longs, context: Context, score: Floats | None
) -> tuple[Longs, Context, Floats | None]:
    """Some of the rows."""
    part = Context(context.bars[:, positions], *(np.broadcast_to(x, rows.shape)[positions] for x in context[1:]))
    return rows[positions], part, None if score is None else score[positions]


def _kept(leaf: Node) -> str:
    """What a frozen column is saved under; nothing where it is made anew from what is saved elsewhere."""
    return "" if isinstance(leaf, In | Covered) else write(leaf)
