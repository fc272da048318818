"""What the catalogue knows of an indicator, and an indicator with its arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from indicators.errors import ArgumentError, nearest
from indicators.ring import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indicators.jit import KernelFunction
    from indicators.naive import Series

Argument = int | float | str
Reads = tuple[tuple[str, int], ...]
Scales = tuple[tuple[int, int] | None, ...]

LONGEST = 5_000
"""Bars of the longest window: bounds the memory that one call in a rule can ask for."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: a whole number, a number, or the name of a field.

    Attributes:
        name: as shown to people.
        default: stands in when the argument is left out; its type is the parameter's.
        low: smallest value allowed; without meaning for a field.
        high: largest value allowed; without meaning for a field.
    """

    name: str
    default: Argument
    low: float = 1
    high: float = LONGEST

    def problem(self, value: object) -> str | None:
        """What is wrong with `value`, or None."""
        if isinstance(self.default, str):
            return None if value in FIELDS else _field_problem(self.name, value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"{self.name} must be a number, not {value!r}"
        if isinstance(self.default, int) and not float(value).is_integer():
            return f"{self.name} must be a whole number, not {value!r}"
        if not self.low <= value <= self.high:
            return f"{self.name} must be from {self.low:g} to {self.high:g}, not {value:g}"
        return None

    def normal(self, value: Argument) -> Argument:
        """`value`, known to be allowed, in the parameter's own type."""
        return type(self.default)(value)


SOURCE = Parameter("source", "close")
"""First parameter of whatever works on one series of values; may be left out."""


def window(default: int, name: str = "n", low: int = 1) -> Parameter:
    """A number of bars."""
    return Parameter(name, default, low)


def _field_problem(name: str, value: object) -> str:
    close = nearest(str(value), FIELDS)
    remedy = f'did you mean "{close}"?' if close else f"it must be one of {', '.join(FIELDS)}"
    return f"{name} {value!r} is not a field of a bar; {remedy}"


def _nothing_read(*_arguments: Argument) -> Reads:
    return ()


def _no_problem(*_arguments: Argument) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Indicator:
    """An entry of the catalogue. The callables take the arguments of a spec by position.

    Attributes:
        name: by which it is called.
        title: its usual name, written out.
        formula: how it is computed, and after whom.
        inputs: fields of a bar that it uses; "source" for the field chosen by its first argument.
        parameters: in order.
        outputs: names of its values, the first being the one meant when none is named.
        kernel: see `indicators.jit.each_row`.
        twin: the same, slow and obvious: takes the `Bars` of one symbol and the arguments; a series an output.
        width: columns of state.
        warmup: for each output the number of bars until it has a value.
        reads: values of the past that the kernel is handed: field, and how many bars back.
        problem: what is wrong with arguments that are each in range, or None.
        waits: what it waits for besides bars, such as a part of the session; `warmup` is the least number of bars
            then, and it may take more. Empty if nothing.
        undefined: when an output is NaN after warm-up; empty if never.
        differences: where it deliberately differs from TA-Lib; empty if nowhere.
        cost: per bar.
        brief: arguments that warm up within some ten bars, by which its laws are tried beside the usual ones; where
            left out every number is 5.
    """

    name: str
    title: str
    formula: str
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[str, ...]
    kernel: KernelFunction
    twin: Callable[..., list[Series]]
    width: Callable[..., int]
    warmup: Callable[..., tuple[int, ...]]
    reads: Callable[..., Reads] = _nothing_read
    problem: Callable[..., str | None] = _no_problem
    undefined: str = ""
    differences: str = ""
    cost: str = "O(1)"
    brief: tuple[Argument, ...] = ()
    waits: str = ""
    scales: Scales | None = None
    endless: bool = False


@dataclass(frozen=True)
class Spec:
    """An indicator with all its arguments: what a `Frame` computes. Equal specs share one state.

    Attributes:
        indicator: its entry in the catalogue.
        arguments: all of them, defaults filled in.
    """

    indicator: Indicator
    arguments: tuple[Argument, ...]

    @cached_property
    def key(self) -> str:
        """Canonical text: ``rsi(14)``, ``sma(volume,20)``; the source only where it is not the close."""
        pairs = zip(self.indicator.parameters, self.arguments, strict=True)
        shown = [_text(argument) for parameter, argument in pairs if not _usual(parameter, argument)]
        return f"{self.indicator.name}({','.join(shown)})"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of its values."""
        return self.indicator.outputs

    @property
    def width(self) -> int:
        """Columns of state."""
        return self.indicator.width(*self.arguments)

    @property
    def warmups(self) -> tuple[int, ...]:
        """For each output, the number of bars until it has a value."""
        return self.indicator.warmup(*self.arguments)

    @property
    def warmup(self) -> int:
        """Number of bars until every output has a value."""
        return max(self.warmups)

    @property
    def reads(self) -> Reads:
        """Values of the past that the kernel is handed: field, and how many bars back."""
        return self.indicator.reads(*self.arguments)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The arguments as the kernel takes them: a field by its number."""
        return tuple(float(FIELDS.index(a) if isinstance(a, str) else a) for a in self.arguments)

    def __str__(self) -> str:
        return self.key


def bind(indicator: Indicator, given: Sequence[object]) -> Spec:
    """The spec of an indicator called with `given`.

    Raises:
        ArgumentError: an argument has the wrong type, is out of range, or one too many.
    """
    skipped = 1 if _starts_with_source(indicator) and not (given and isinstance(given[0], str)) else 0
    parameters = indicator.parameters[skipped:]
    if len(given) > len(parameters):
        raise ArgumentError(indicator.name, len(parameters), _too_many(indicator, len(given)))
    chosen = [p.default for p in indicator.parameters]
    for position, (parameter, value) in enumerate(zip(parameters, given, strict=False)):
        if problem := parameter.problem(value):
            raise ArgumentError(indicator.name, position, problem)
        chosen[skipped + position] = parameter.normal(value)  # type: ignore[arg-type]
    if problem := indicator.problem(*chosen):
        raise ArgumentError(indicator.name, None, problem)
    return Spec(indicator, tuple(chosen))


def _starts_with_source(indicator: Indicator) -> bool:
    return indicator.parameters[:1] == (SOURCE,)


def _too_many(indicator: Indicator, given: int) -> str:
    names = ", ".join(p.name for p in indicator.parameters) or "none"
    return f"takes at most {len(indicator.parameters)} arguments ({names}), not {given}"


def _usual(parameter: Parameter, argument: Argument) -> bool:
    return parameter == SOURCE and argument == SOURCE.default


def _text(argument: Argument) -> str:
    if isinstance(argument, float) and math.isfinite(argument) and argument.is_integer():
        return str(int(argument))
    return str(argument)
