"""The picture of a preview: a row a rule, when it fired over the day and what came of it, in both versions. Pure."""

from __future__ import annotations

import io
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from daemon.charts import Ink, drawable
from daemon.fires import HORIZON_MINUTES, SLICE_MINUTES
from daemon.judgement import ALIKE
from daemon.spoken import several

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from daemon.fires import Fires, RuleReport, Swing
    from daemon.preview import Report

MOST_ROWS = 40
"""Rules in one picture; of more those are left out that fired least."""

WIDTH = 10.0
HEADER, ROW, GAP, FOOTER = 0.85, 0.62, 0.30, 0.75
"""Inches."""

NAMES, SWINGS = 0.30, 0.27
"""Shares of the width that names take, and outcomes where there are any."""

LONGEST_NAME = 26
"""Characters of a rule's name; what is longer would run into the picture."""

DAY = Ink("#ffffff", "#1f2933", "#d5dbe1", "#2f6fdb", "#b5620b")
QUIET, RANDOM = "#5f6c7b", "#98a3af"
"""Second lines and labels; random symbols."""

OPEN, CLOSE = 570, 960
"""Minutes of the day of the regular session."""


class Extent(NamedTuple):
    """Minutes of the day that are drawn."""

    first: int
    end: int


def draw(report: Report, form: str) -> bytes:
    """When each rule fired over the day, and what came of it where that is known.

    Args:
        report: of a preview.
        form: ``.png`` or ``.svg``; texts of the latter stay texts.

    Returns:
        The file's content, the same for the same report. Cost: some 20 ms a rule, and half a second.
    """
    from matplotlib import rc_context  # noqa: PLC0415 (half a second)

    rules, left_out = _chosen(report.rules)
    figure = _figure(report, len(rules))
    if not rules:
        figure.text(0.5, 0.4, "no rules in either file", color=QUIET, size=12, ha="center")
    extent, farthest = _extent(rules), _farthest(rules)
    for place, rule in enumerate(rules):
        last = place == len(rules) - 1
        axes = _row(figure, len(rules), place, NAMES, 0.97 - (SWINGS + 0.03 if farthest else 0.0))
        _name(figure, axes, rule)
        _over_the_day(axes, rule, extent)
        _times(axes, extent, told=last)
        if farthest:
            axes = _row(figure, len(rules), place, 0.97 - SWINGS, 0.97)
            _outcome(axes, rule, farthest, told=last)
    _foot(figure, rules, left_out)
    file = io.BytesIO()
    metadata = {"Software": None} if form == ".png" else {"Date": None, "Creator": None}
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "technic"}):
        figure.savefig(file, format=form.removeprefix("."), metadata=metadata)
    return file.getvalue()


def _chosen(rules: Sequence[RuleReport]) -> tuple[list[RuleReport], int]:
    """The rules to be drawn, in their order, and how many are left out."""
    by_fires = sorted(rules, key=lambda rule: -sum(fires.alerts for fires in (rule.new, rule.running) if fires))
    chosen = by_fires[:MOST_ROWS]
    return [rule for rule in rules if rule in chosen], len(rules) - len(chosen)


def _figure(report: Report, rows: int) -> Figure:
    """An empty picture with its head."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    height = HEADER + max(rows, 1) * (ROW + GAP) + FOOTER
    figure = Figure(figsize=(WIDTH, height), dpi=110, facecolor=DAY.ground)
    days = several(len(report.days), "trading day", "trading days")
    span = f", {report.days[0]} to {report.days[-1]}" if report.days else ""
    head = " against ".join(drawable(PurePath(name).name) for name in (report.new, report.running))
    figure.text(0.02, 1 - 0.22 / height, head, color=DAY.text, size=14, weight="bold", va="top", parse_math=False)
    said = f"alerts over the day, New York time; {days}{span}; {several(report.symbols, 'symbol', 'symbols')}"
    figure.text(0.02, 1 - 0.52 / height, said, color=QUIET, size=10, va="top")
    if any(rule.running and rule.change != "same" for rule in report.rules):
        _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    keys = [Patch(color=DAY.line, label="tried"), Line2D([], [], color=DAY.mark, linewidth=1.8, label="running")]
    figure.legend(handles=keys, loc="upper right", ncols=2, frameon=False, fontsize=10, labelcolor=DAY.text)


def _foot(figure: Figure, rules: Sequence[RuleReport], left_out: int) -> None:
    """How outcomes are to be read, and how many rules there are besides."""
    said = [f"and {several(left_out, 'rule that fired less', 'rules that fired less')}"] if left_out else []
    told = (fires.outcome for rule in rules for fires in (rule.new, rule.running) if fires and fires.outcome)
    outcome = next(told, None)
    if outcome:
        said += [
            f"right: how far the price went in the next {outcome.minutes} minutes, in ATR, down and up: half of the",
            "alerts at least (bar), one in ten (line); grey: random liquid symbols of the same minutes",
        ]
    figure.text(0.02, 0.1 / figure.get_figheight(), "\n".join(said), color=QUIET, size=9)


def _row(figure: Figure, rows: int, place: int, left: float, right: float) -> Axes:
    """Axes of one row between two shares of the width."""
    height = HEADER + rows * (ROW + GAP) + FOOTER
    bottom = FOOTER + (rows - 1 - place) * (ROW + GAP)
    axes = figure.add_axes((left, bottom / height, right - left, ROW / height), facecolor=DAY.ground)
    axes.tick_params(colors=QUIET, labelsize=9, length=0)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(DAY.faint)
    return axes


def _name(figure: Figure, axes: Axes, rule: RuleReport) -> None:
    """Left of the row: the rule, and how often it fired."""
    top, height = axes.get_position().y1, figure.get_figheight()
    name = rule.name if len(rule.name) <= LONGEST_NAME else f"{rule.name[: LONGEST_NAME - 1]}…"
    figure.text(0.02, top, name, color=DAY.text, size=11, weight="bold", va="top", parse_math=False)
    figure.text(0.02, top - 0.24 / height, _said(rule), color=QUIET, size=9, va="top")


def _said(rule: RuleReport) -> str:
    new, running = rule.new, rule.running
    if new is None:
        return f"gone: {_alerts(running)}" if running else ""
    if rule.change == "same":
        return f"{_alerts(new)}{_verdict(new)}"
    if running:
        return f"{_alerts(new)}, running {running.alerts:,}{_verdict(new)}"
    return f"new: {_alerts(new)}{_verdict(new)}"


def _verdict(fires: Fires) -> str:
    """Whether they beat random symbols, where that can be told."""
    judged = fires.judged.get(f"{HORIZON_MINUTES}m")
    return f", {judged.verdict}" if judged and judged.verdict != ALIKE else ""


def _alerts(fires: Fires) -> str:
    return several(fires.alerts, "alert", "alerts")


def _over_the_day(axes: Axes, rule: RuleReport, extent: Extent) -> None:
    """Bars of the tried version, a line of the running one; each row has its own scale, which is told."""
    shown = [_counts(fires, extent) for fires in (rule.new, rule.running)]
    most = max((max(counts) for counts in shown), default=0)
    axes.set_xlim(extent.first, extent.end)
    axes.set_ylim(0, max(most, 1) * 1.08)
    axes.set_yticks([])
    if not most:
        axes.text(0.5, 0.5, "never", color=QUIET, size=10, ha="center", va="center", transform=axes.transAxes)
        return
    edges = list(range(extent.first, extent.end + SLICE_MINUTES, SLICE_MINUTES))
    if rule.new:
        middles = [edge + SLICE_MINUTES / 2 for edge in edges[:-1]]
        axes.bar(middles, shown[0], width=SLICE_MINUTES * 0.88, color=DAY.line, linewidth=0)
    if rule.running and rule.change != "same":
        axes.stairs(shown[1], edges, color=DAY.mark, linewidth=1.8, baseline=None)
    axes.annotate(
        f"{most:,}", (0, 1), (-4, 0), "axes fraction", "offset points", color=QUIET, size=9, ha="right", va="top"
    )


def _counts(fires: Fires | None, extent: Extent) -> list[int]:
    by_minute = _by_minute(fires.by_time) if fires else {}
    return [by_minute.get(minute, 0) for minute in range(extent.first, extent.end, SLICE_MINUTES)]


def _extent(rules: Sequence[RuleReport]) -> Extent:
    """The regular session, and whole hours before and after it where rules fired there."""
    minutes = [
        minute for rule in rules for fires in (rule.new, rule.running) if fires for minute in _by_minute(fires.by_time)
    ]
    first, end = min(minutes, default=OPEN), max(minutes, default=OPEN) + SLICE_MINUTES
    return Extent(OPEN if first >= OPEN else first // 60 * 60, CLOSE if end <= CLOSE else -(-end // 60) * 60)


def _times(axes: Axes, extent: Extent, *, told: bool) -> None:
    """Grid at hours; their names under the last row; open and close stand out where there is more."""
    step = 60 if extent.end - extent.first <= 8 * 60 else 120
    ticks = sorted({extent.first, *(minute for minute in range(0, 1441, step) if extent.first <= minute <= extent.end)})
    named = {extent.first, *(minute for minute in ticks if minute >= extent.first + 60)} if told else set()
    axes.set_xticks(ticks, [f"{minute // 60:02}:{minute % 60:02}" if minute in named else "" for minute in ticks])
    axes.grid(visible=True, axis="x", color=DAY.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for minute in (OPEN, CLOSE):
        if extent.first < minute < extent.end:
            axes.axvline(minute, color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0.5)


def _farthest(rules: Sequence[RuleReport]) -> float:
    """How far excursions reach that are drawn, in ATR; 0 where there is no outcome."""
    found = [swing for rule in rules for _, _, swing in _swings(rule)]
    return max((max(-swing.worst_decile, swing.best_decile) for swing in found), default=0.0)


def _swings(rule: RuleReport) -> list[tuple[str, float, Swing]]:
    """Colour, height in the row and numbers of what is drawn of a rule: tried, running, random symbols."""
    outcomes = [fires.outcome if fires else None for fires in (rule.new, rule.running)]
    if rule.change == "same":
        outcomes[1] = None
    lines = [(colour, one.alerts) for colour, one in zip((DAY.line, DAY.mark), outcomes, strict=True) if one]
    random = next((one.random for one in outcomes if one), None)
    lines += [(RANDOM, random)] if random else []
    return [(colour, 0.78 - 0.28 * number, swing) for number, (colour, swing) in enumerate(lines)]


def _outcome(axes: Axes, rule: RuleReport, farthest: float, *, told: bool) -> None:
    """How far the price went down and up, see `_foot`."""
    axes.set_xlim(-farthest * 1.06, farthest * 1.06)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.axvline(0, color=DAY.faint, linewidth=1.0, zorder=0.5)
    for colour, height, swing in _swings(rule):
        axes.hlines(height, swing.worst_decile, swing.best_decile, color=colour, linewidth=1.4)
        axes.hlines(height, swing.worst_median, swing.best_median, color=colour, linewidth=5.5)
    if not told:
        axes.set_xticks([])


def _by_minute(by_time: Mapping[str, int]) -> dict[int, int]:
    return {int(time[:2]) * 60 + int(time[3:]): count for time, count in by_time.items()}
