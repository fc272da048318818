"""The picture of a target's models: are probabilities to be believed, and do they beat the base rate? Pure.

Left the reliability diagram: predicted against true share, and how the champion's predictions spread. Right, session by
session, log loss beside that of the base rate, and by how much each model is better. At the edge what each line is.
"""

from __future__ import annotations

from datetime import date
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from daemon.charts import Ink, drawable, png
from daemon.scoring.modelfigures import ranked
from daemon.spoken import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from daemon.scoring.modelfigures import CalibrationBin, ModelFigures, Session

MOST_MODELS: Final = 10
"""Lines in one picture; of more models those are left out whose log loss is highest."""

LONGEST_NAME: Final = 28
WORST: Final = 0.1
"""Lines go out of the picture where log loss is higher than the base rate's by this share."""

MOST_DAYS: Final = 6
"""Names of days below the sessions."""

DAY: Final = Ink("#ffffff", "#1f2933", "#d5dbe1", "#2f6fdb", "#b5620b")
QUIET: Final = "#5f6c7b"
COLOURS: Final = ("#d1495b", "#2a9d8f", "#8d5bb5", "#e09f3e", "#4b7f52", "#c2578f", "#3d8fb0", "#8a6d3b", "#70798c")
"""Of challengers, told apart on white by hue and by lightness."""


class Line(NamedTuple):
    """A model and how it is drawn."""

    model: ModelFigures
    colour: str
    width: float
    style: str


def draw(models: Sequence[ModelFigures]) -> bytes:
    """All models of one target: a PNG of 1,200 by 600 pixels, 70 to 200 kB, the same for the same figures.

    Cost: some 0.3 s, and half a second more the first time.

    Raises:
        ValueError: no model at all.
    """
    return png(drawn(models))


def drawn(models: Sequence[ModelFigures]) -> Figure:
    """The same, before it is a file."""
    lines = _lines(models)
    figure = _figure(models)
    reliability, spread, losses, gains = (
        _axes(figure, left, bottom, width, height)
        for left, width in ((0.05, 0.325), (0.43, 0.335))
        for bottom, height in ((0.31, 0.52), (0.07, 0.165))
    )
    judged = [line for line in lines if line.model.questions]
    if judged:
        _draw_reliability(reliability, spread, judged)
        _draw_sessions(losses, gains, judged)
    else:
        _say_empty(figure)
    _draw_legend(figure, lines, len(models) - len(lines))
    return figure


def _lines(models: Sequence[ModelFigures]) -> list[Line]:
    """Champion first, then what was issued, others by log loss; the base rate is drawn beside all."""
    shown = sorted(ranked(models), key=lambda one: one.role != "champion")
    colours = cycle(COLOURS)
    own = {"champion": (DAY.line, 2.8, "-"), "issued": (DAY.text, 1.6, ":")}
    return [
        Line(one, *own.get(one.role) or (next(colours), 1.3, ":" if one.role == "benched" else "-"))
        for one in shown[:MOST_MODELS]
    ]


def _figure(models: Sequence[ModelFigures]) -> Figure:
    """An empty picture with its head."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second)

    figure = Figure(figsize=(12.0, 6.0), dpi=100, facecolor=DAY.ground)
    most = max(models, key=lambda one: one.questions)
    figure.text(0.02, 0.972, drawable(most.target), color=DAY.text, size=15, weight="bold", va="top", parse_math=False)
    said = f"{several(most.questions, 'question', 'questions')} answered"
    if most.base_rate is not None:
        said += f", {most.base_rate:.1%} yes; {_span(most.sessions)}"
    figure.text(0.02, 0.922, f"{said}; predictions as issued", color=QUIET, size=10, va="top")
    return figure


def _span(sessions: Sequence[Session]) -> str:
    days = dict.fromkeys(f"{_date(sessions[place].day):%Y-%m-%d}" for place in (0, -1))
    return f"{several(len(sessions), 'session', 'sessions')}, {' to '.join(days)}"


def _date(day: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day)


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    axes = figure.add_axes((left, bottom, width, height), facecolor=DAY.ground)
    axes.tick_params(colors=QUIET, labelsize=9, length=0)
    axes.grid(visible=True, color=DAY.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(DAY.faint)
    return axes


def _head(axes: Axes, text: str) -> None:
    axes.set_title(text, color=DAY.text, size=10, loc="left", pad=6)


def _draw_reliability(axes: Axes, below: Axes, lines: Sequence[Line]) -> None:
    """Points on the diagonal are probabilities to be believed."""
    _head(axes, "share that came true, by predicted probability")
    _head(below, f"where predictions of {_short(lines[0].model.name)} lie")
    low, high = _extent([one for line in lines for one in line.model.calibration])
    axes.plot([low, high], [low, high], color=QUIET, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for line in reversed(lines):
        table = line.model.calibration
        size = 2.0 + line.width
        axes.plot(
            [one.predicted for one in table], [one.share for one in table], **_look(line), marker="o", markersize=size
        )
    edges, heights = _density(lines[0].model.calibration)
    below.stairs(heights, edges, fill=True, color=lines[0].colour, alpha=0.35, linewidth=0)
    axes.set(xlim=(low, high), ylim=(low, high))
    below.set(xlim=(low, high), yticks=[])
    below.xaxis.set_major_formatter(_percent)
    axes.yaxis.set_major_formatter(_percent)
    axes.tick_params(labelbottom=False)


def _look(line: Line) -> dict[str, Any]:
    """What was issued is dotted, above all others: most of it is the champion's own line."""
    zorder = 3 if line.model.role == "issued" else 2
    return {"color": line.colour, "linewidth": line.width, "linestyle": line.style, "zorder": zorder}


def _extent(table: Sequence[CalibrationBin]) -> tuple[float, float]:
    """What holds all probabilities and shares, with room around; within 0 to 1."""
    values = [value for one in table for value in (one.predicted, one.share)]
    low, high = min(values), max(values)
    room = max((high - low) * 0.06, 0.01)
    return max(low - room, 0.0), min(high + room, 1.0)


def _density(table: Sequence[CalibrationBin]) -> tuple[list[float], list[float]]:
    """Edges and heights of bars whose areas are the numbers of predictions."""
    means = [one.predicted for one in table]
    inner = [(left + right) / 2 for left, right in pairwise(means)]
    ends = (2 * means[0] - inner[0], 2 * means[-1] - inner[-1]) if inner else (means[0] - 0.005, means[0] + 0.005)
    edges = [ends[0], *inner, ends[1]]
    return edges, [one.questions / (right - left) for one, (left, right) in zip(table, pairwise(edges), strict=True)]


def _percent(value: float, _: object) -> str:
    return f"{100 * value:.4g}%"


def _draw_sessions(axes: Axes, below: Axes, lines: Sequence[Line]) -> None:
    """Log loss session by session, pauses left out, and how much lower than the base rate's it is."""
    _head(axes, "log loss by session; dashed: the base rate's")
    _head(below, "lower than the base rate's by")
    days = sorted({one.day for line in lines for one in line.model.sessions})
    place = {day: number for number, day in enumerate(days)}
    for line in reversed(lines):
        told, look = line.model.sessions, {**_look(line), "marker": _marker(line.model.sessions)}
        at = [place[one.day] for one in told]
        axes.plot(at, [one.log_loss for one in told], **look)
        below.plot(at, [_gain(one) for one in told], **look)
    told = lines[0].model.sessions
    dashed: dict[str, Any] = {"color": QUIET, "linewidth": 1.4, "linestyle": (0, (4, 3))}
    axes.plot([place[one.day] for one in told], [one.base_log_loss for one in told], **dashed, marker=_marker(told))
    below.axhline(0, **dashed)
    below.yaxis.set_major_formatter(_percent)
    _cut(axes, below, lines)
    _label_days(axes, below, days)


def _gain(session: Session) -> float:
    """Share by which log loss is lower than the base rate's."""
    return 1.0 - session.log_loss / session.base_log_loss if session.base_log_loss else 0.0


def _cut(axes: Axes, below: Axes, lines: Sequence[Line]) -> None:
    """One bad model would press all others into a line."""
    sessions = [one for line in lines for one in line.model.sessions]
    highest = (1.0 + WORST) * max((one.base_log_loss for one in sessions), default=1.0)
    if axes.get_ylim()[1] > highest:
        axes.set_ylim(top=highest)
    if below.get_ylim()[0] < -WORST:
        below.set_ylim(bottom=-WORST)


def _marker(sessions: Sequence[Session]) -> str:
    """One session alone makes no line."""
    return "o" if len(sessions) == 1 else ""


def _label_days(axes: Axes, below: Axes, days: Sequence[int]) -> None:
    step = -(-len(days) // MOST_DAYS) or 1
    ticks = range(0, len(days), step)
    for each in (axes, below):
        each.set_xticks(ticks, [f"{_date(days[tick]):%-d %b}" for tick in ticks])
        each.set_xlim(-0.5, max(len(days) - 0.5, 0.5))
    axes.tick_params(labelbottom=False)


def _say_empty(figure: Figure) -> None:
    for axes in figure.axes:
        axes.set_axis_off()
    figure.text(0.4, 0.5, "no prediction has been judged yet", color=QUIET, size=12, ha="center")


def _draw_legend(figure: Figure, lines: Sequence[Line], left_out: int) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    for number, line in enumerate(lines):
        top = 0.865 - 0.078 * number
        figure.add_artist(Line2D([0.785, 0.805], [top - 0.014] * 2, **_look(line)))
        weight = "bold" if line.model.role == "champion" else "normal"
        figure.text(0.812, top, _name(line.model), color=DAY.text, size=10, weight=weight, va="top", parse_math=False)
        figure.text(0.812, top - 0.034, _said(line.model), color=QUIET, size=9, va="top")
    if left_out:
        said = f"and {several(left_out, 'model', 'models')} of higher log loss"
        figure.text(0.785, 0.03, said, color=QUIET, size=8.5)


def _name(model: ModelFigures) -> str:
    if model.role == "challenger":
        return _short(model.name)
    role = "whoever spoke" if model.role == "issued" else model.role
    return _short(f"{model.name[: LONGEST_NAME - 11]} ({role})")


def _short(name: str) -> str:
    line = drawable(name)
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"


def _said(model: ModelFigures) -> str:
    if model.log_loss is None:
        return "nothing judged yet"
    auc = "" if model.auc is None else f", AUC {model.auc:.3f}"
    return f"log loss {model.log_loss:.4f}{auc}"
