"""Why a rule fired for a symbol at a bar, or did not. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from daemon.engine.alerts import known
from daemon.engine.coverage import TRUSTED
from daemon.engine.distance import comparisons
from daemon.engine.episodes import ACTIVE, HOLDING, SPENT, STATES
from daemon.engine.plan import BARS, When, terms_of
from daemon.engine.syntax import write
from daemon.engine.vocabulary import COVERAGES

if TYPE_CHECKING:
    from daemon.engine.watch import Step, Watch


class Condition(msgspec.Struct, frozen=True):
    """One comparison of the rule.

    Attributes:
        text: in normal form, ``crosses_above`` and the like spelled out.
        holds: None where a value that it needs is not known; it does not hold then.
        values: of what it compares.
    """

    text: str
    holds: bool | None
    values: dict[str, float | None]


class WarmUp(msgspec.Struct, frozen=True):
    """What the rule names, with the bars that it has seen and those that it takes."""

    name: str
    seen: int
    needed: int


class Why(msgspec.Struct, frozen=True):
    """All that decides about a rule and a symbol, at the symbol's last closed bar.

    Attributes:
        bar_start_ms: of that bar.
        looked_at: ``bar``, when it closes, or ``market minute``, when the market's minute does.
        holds: the whole condition.
        until: whether the rule's ``until`` holds; None without one.
        state: one of `STATES`.
        since_ms: start of the bar at which the present or the last episode came to hold.
        last_alert_ms: start of the bar of the last alert; None if there was none.
        cooldown_left_ms: for which a new episode would be silent.
        standing: budget, spent and threshold of today, and what was held back.
        order: what it would be ordered by.
        held_back: reasons and bars of this symbol's candidates that were not told, the newest last.
        verdict: in a sentence.
    """

    symbol: str
    rule: str
    rule_version: str
    bar_start_ms: int
    looked_at: str
    session: str
    holds: bool
    conditions: list[Condition]
    coverage: str
    warm_up: list[WarmUp]
    until: bool | None
    state: str
    since_ms: int | None
    last_alert_ms: int | None
    cooldown_left_ms: int
    score: float | None
    order: float | None
    standing: dict[str, float | None]
    held_back: list[tuple[int, str]]
    verdict: str


class _Seen(NamedTuple):
    """What a verdict is made of."""

    holds: bool
    conditions: list[Condition]
    state: int
    since_ms: int
    last_ms: int
    bar_ms: int
    reason: str
    hold_ms: int
    late: bool
    distrusted: str


def explain(watch: Watch, rule: int, row: int, now: Step, score: float, session: str) -> Why:
    """Explain.

    Args:
        watch: between two steps.
        rule: its number.
        row: of the symbol, with a bar.
        now: the row's last closed bar alone, to be looked at as at the barrier.
        score: of that bar, NaN if not known.
        session: name of its part of the day.
    """
    plan, telling = watch.plan, watch.telling
    own = plan.rules[rule]
    symbol, start_ms, needs = now.symbols[0].decode(), now.start_ms, sorted(plan.needs[rule].items())
    holds, conditions = _conditions(watch, rule, now, score)
    looked = now.rows, now.context, np.array([score])
    ended = watch.evaluator.untils(*looked, when=When.BARRIER)
    order = watch.evaluator.order(rule, np.zeros(1, np.int64), *looked, when=When.BARRIER)
    held = [(one.bar_start_ms, one.reason) for one in telling.held if (one.rule, one.symbol) == (own.name, symbol)]
    state, since_ms, last_ms = telling.episodes.of(rule, row)
    reason = next((why for at_ms, why in reversed(held) if at_ms == start_ms), "")
    coverage = watch.coverage.of(plan.needs[rule], row)
    named = watch.coverage.of(plan.named[rule], row)
    distrusted = named if own.trusting and COVERAGES.index(named) not in TRUSTED else ""
    seen = _Seen(holds, conditions, state, since_ms, last_ms, start_ms, reason, own.hold_ms, now.late, distrusted)
    return Why(
        symbol=symbol,
        rule=own.name,
        rule_version=own.version,
        bar_start_ms=start_ms,
        looked_at="market minute" if plan.judged[When.BARRIER][rule] else "bar",
        session=session,
        holds=holds,
        conditions=conditions,
        coverage=coverage,
        warm_up=[WarmUp(_named(need), watch.coverage.seen(need, row), bars) for need, bars in needs],
        until=bool(ended[rule, 0]) if own.until else None,
        state=STATES[state],
        since_ms=_moment(since_ms),
        last_alert_ms=_moment(last_ms),
        cooldown_left_ms=telling.episodes.cooldown_left_ms(rule, row, start_ms),
        score=known(score),
        order=known(float(order[0])),
        standing=telling.standing(rule),
        held_back=held,
        verdict=_verdict(seen),
    )


def _conditions(watch: Watch, rule: int, now: Step, score: float) -> tuple[bool, list[Condition]]:
    """The whole condition, and each of its comparisons."""
    tree = watch.plan.conditions[rule]
    leaves = list(dict.fromkeys(comparisons(tree)))
    terms = [list(terms_of(leaf)) for leaf in leaves]
    watch.cover(now.rows)
    roots = [tree, *leaves, *(term for some in terms for term in some)]
    values = watch.evaluator.values(roots, now.rows, now.context, np.array([score]), when=When.BARRIER)[0].tolist()
    whole, held, numbers = values[0], values[1 : len(leaves) + 1], iter(values[len(leaves) + 1 :])
    found = []
    for leaf, some, value in zip(leaves, terms, held, strict=True):
        seen = {write(term): known(next(numbers)) for term in some}
        certain = value > 0.0 or None not in seen.values()
        found.append(Condition(write(leaf), value > 0.0 if certain else None, seen))
    return whole > 0.0, found


def _verdict(seen: _Seen) -> str:  # noqa: PLR0911 -- one a verdict
    """What became of the bar, in a sentence."""
    if seen.last_ms == seen.bar_ms:
        return "it fired at this bar"
    if not seen.holds:
        failing = [condition for condition in seen.conditions if not condition.holds]
        unknown = sum(condition.holds is None for condition in failing)
        words = f"{len(failing)} of {len(seen.conditions)} comparisons do not hold"
        return f"it did not fire: {words}" + (f", {unknown} for want of a value that is known" * bool(unknown))
    if seen.distrusted:
        return f"it did not fire: {seen.distrusted}, and the rule is looked at where its symbol can be trusted only"
    if seen.reason:
        return f"it did not fire: held back by {seen.reason}"
    if seen.state == HOLDING:
        return f"it has not fired yet: the condition has to hold for {seen.hold_ms // 1000} s"
    if seen.state == SPENT:
        return "it did not fire: the episode was ended by until, and the condition has not been false since"
    if seen.state == ACTIVE and seen.since_ms < seen.bar_ms:
        return "it did not fire: the condition came to hold at an earlier bar, and an episode gives one alert"
    if seen.state == ACTIVE:
        return "it did not fire: the last alert lies within the cooldown"
    return "it did not fire: rules were not looked at when this bar came"


def _named(need: tuple[int, str]) -> str:
    minutes, key = need
    return "bars of the symbol" if need == BARS else key if minutes == 1 else f"{key} of {minutes} minutes"


def _moment(at_ms: int) -> int | None:
    return at_ms if at_ms > 0 else None
