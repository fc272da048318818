"""A register machine for compiled expressions: one kernel runs any program over any number of rows.

Rows are worked through in blocks that fit the cache, and every instruction is a loop over a block. The loops
hold nothing that depends on the block's size, so a value is the same to the last bit whatever it is computed
beside. Rules come and go without compiling anything.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daemon.engine.elementary import log, log1p, tanh
from indicators.jit import kernel

if TYPE_CHECKING:
    from streams.types import Floats, Longs

BLOCK = 256
"""Rows a block: 2 kB a register, so that some hundred registers stay in the second-level cache."""


class Op(IntEnum):
    """What an instruction does. Truth is 1.0, everything else that a comparison gives is 0.0."""

    BAR = 0
    CONTEXT = 1
    COLUMN = 2
    LAG = 3
    FROZEN = 4
    HIGHEST = 5
    LOWEST = 6
    NEGATIVE = 7
    ABS = 8
    LOG = 9
    LOG1P = 10
    SQRT = 11
    SIGN = 12
    TANH = 13
    ADD = 14
    SUBTRACT = 15
    MULTIPLY = 16
    DIVIDE = 17
    MIN = 18
    MAX = 19
    LESS = 20
    LESS_EQUAL = 21
    EQUAL = 22
    AND = 23
    OR = 24
    SELECT = 25


LOADS = (Op.BAR, Op.CONTEXT, Op.COLUMN, Op.LAG, Op.FROZEN, Op.HIGHEST, Op.LOWEST)
"""Instructions whose operands are no registers."""

# Kernels read plain integers as constants; an enum's member would be looked up at every instruction.
_BAR, _CONTEXT, _COLUMN, _LAG, _FROZEN, _HIGHEST, _LOWEST = range(7)
_NEGATIVE, _ABS, _LOG, _LOG1P, _SQRT, _SIGN, _TANH = range(7, 14)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _MIN, _MAX, _LESS, _LESS_EQUAL, _EQUAL, _AND, _OR, _SELECT = range(14, 26)

WINDOW = 256
"""Bars back of a window's newest bar, and times this the number of its bars, are one operand."""


class Program(NamedTuple):
    """What to compute.

    Attributes:
        constants: ``float64[c]``, the first registers.
        code: ``int64[m, 4]``, operation and three operands; instruction i writes register c + i. Operands are
            registers, but for loads: BAR field · CONTEXT row · COLUMN of the frame · LAG first line of the
            leaf's ring, mask of its depth, bars back · FROZEN column · HIGHEST and LOWEST as LAG, see `WINDOW`.
            SELECT takes a truth, and what it is where that is true and where not.
        roots: ``int64[k]``, registers that are the result.
    """

    constants: Floats
    code: Longs
    roots: Longs


class Inputs(NamedTuple):
    """What a program reads.

    Attributes:
        rows: ``int64[n]``.
        bars: ``float64[6, n]``, C order: the bars of this step.
        context: ``float64[5, n]``: score, minutes since the open, session code, start of the bar in ms, how unusual.
        columns: ``float64[outputs, capacity]``: indicator outputs.
        rings: ``float64[lines, capacity]``: see `daemon.engine.lags`.
        pushed: ``int64[capacity]``: bars that each row has put into the rings.
        frozen: ``float64[k, capacity]``: see `daemon.engine.frozen`.
    """

    rows: Longs
    bars: Floats
    context: Floats
    columns: Floats
    rings: Floats
    pushed: Longs
    frozen: Floats


def run(program: Program, inputs: Inputs) -> Floats:
    """The results of a program, ``float64[n, k]`` in C order.

    NaN stands for what is not known: it passes through arithmetic, comparisons with it are false. Quotients
    by zero, logarithms and roots outside of their range are not known either. Cost: some microseconds, and
    about a nanosecond an instruction and row (logarithms and tanh two).
    """
    result = np.empty((len(inputs.rows), len(program.roots)))
    registers = np.empty((len(program.constants) + len(program.code), BLOCK))
    _run(
        program.constants,
        program.code,
        program.roots,
        inputs.rows,
        inputs.bars,
        inputs.context,
        inputs.columns,
        inputs.rings,
        inputs.pushed,
        inputs.frozen,
        registers,
        result,
    )
    return result


@kernel
def _run(  # noqa: C901 -- one a kind of instruction
    constants: Floats,
    code: Longs,
    roots: Longs,
    rows: Longs,
    bars: Floats,
    context: Floats,
    columns: Floats,
    rings: Floats,
    pushed: Longs,
    frozen: Floats,
    registers: Floats,
    result: Floats,
) -> None:
    first = constants.shape[0]
    for i in range(first):
        registers[i, :] = constants[i]
    for start in range(0, rows.shape[0], BLOCK):
        size = min(BLOCK, rows.shape[0] - start)
        for j in range(code.shape[0]):
            op = code[j, 0]
            if op <= _LOWEST:
                _load(code, j, start, size, rows, bars, context, columns, rings, pushed, frozen, registers[first + j])
            elif op <= _TANH:
                _unary(op, size, registers[code[j, 1]], registers[first + j])
            elif op <= _MAX:
                _arithmetic(op, size, registers[code[j, 1]], registers[code[j, 2]], registers[first + j])
            elif op <= _OR:
                _logic(op, size, registers[code[j, 1]], registers[code[j, 2]], registers[first + j])
            else:
                chosen, out = registers[code[j, 1]], registers[first + j]
                for i in range(size):
                    out[i] = registers[code[j, 2], i] if chosen[i] > 0.0 else registers[code[j, 3], i]
        for k in range(roots.shape[0]):
            for i in range(size):
                result[start + i, k] = registers[roots[k], i]


@kernel
def _load(  # noqa: C901 -- one a kind of load
    code: Longs,
    j: int,
    start: int,
    size: int,
    rows: Longs,
    bars: Floats,
    context: Floats,
    columns: Floats,
    rings: Floats,
    pushed: Longs,
    frozen: Floats,
    out: Floats,
) -> None:
    op, a, b, c = code[j, 0], code[j, 1], code[j, 2], code[j, 3]
    if op == _BAR:
        for i in range(size):
            out[i] = bars[a, start + i]
    elif op == _CONTEXT:
        for i in range(size):
            out[i] = context[a, start + i]
    elif op == _COLUMN:
        for i in range(size):
            out[i] = columns[a, rows[start + i]]
    elif op == _FROZEN:
        for i in range(size):
            out[i] = frozen[a, rows[start + i]]
    elif op >= _HIGHEST:
        _extreme(1.0 if op == _HIGHEST else -1.0, a, b, c, rows[start : start + size], rings, pushed, out)
    else:
        for i in range(size):
            row = rows[start + i]
            out[i] = rings[a + ((pushed[row] - c) & b), row]


@kernel
def _extreme(
    sign: float, first: int, mask: int, window: int, rows: Longs, rings: Floats, pushed: Longs, out: Floats
) -> None:
    """The highest (1) or lowest (-1) of a window of a ring, not known where any of its values is not."""
    bars, newest = window // WINDOW, window % WINDOW
    for i in range(len(rows)):
        row = rows[i]
        most = -np.inf
        for back in range(newest, newest + bars):
            value = sign * rings[first + ((pushed[row] - back) & mask), row]
            if not value <= most:
                most = value
            if np.isnan(value):
                break
        out[i] = sign * most


@kernel
def _unary(op: int, size: int, x: Floats, out: Floats) -> None:  # noqa: C901
    if op == _NEGATIVE:
        for i in range(size):
            out[i] = -x[i]
    elif op == _ABS:
        for i in range(size):
            out[i] = abs(x[i])
    elif op == _LOG:
        log(x, out, size)
    elif op == _LOG1P:
        log1p(x, out, size)
    elif op == _SQRT:
        for i in range(size):
            out[i] = np.sqrt(x[i]) if x[i] >= 0.0 else np.nan
    elif op == _SIGN:
        for i in range(size):
            out[i] = np.sign(x[i])
    else:
        tanh(x, out, size)


@kernel
def _arithmetic(op: int, size: int, x: Floats, y: Floats, out: Floats) -> None:  # noqa: C901
    if op == _ADD:
        for i in range(size):
            out[i] = x[i] + y[i]
    elif op == _SUBTRACT:
        for i in range(size):
            out[i] = x[i] - y[i]
    elif op == _MULTIPLY:
        for i in range(size):
            out[i] = x[i] * y[i]
    elif op == _DIVIDE:
        for i in range(size):
            out[i] = x[i] / y[i] if y[i] != 0.0 else np.nan
    elif op == _MIN:
        for i in range(size):
            out[i] = x[i] if x[i] < y[i] or x[i] != x[i] else y[i]
    else:
        for i in range(size):
            out[i] = x[i] if x[i] > y[i] or x[i] != x[i] else y[i]


@kernel
def _logic(op: int, size: int, x: Floats, y: Floats, out: Floats) -> None:
    if op == _LESS:
        for i in range(size):
            out[i] = 1.0 if x[i] < y[i] else 0.0
    elif op == _LESS_EQUAL:
        for i in range(size):
            out[i] = 1.0 if x[i] <= y[i] else 0.0
    elif op == _EQUAL:
        for i in range(size):
            out[i] = 1.0 if x[i] == y[i] else 0.0
    elif op == _AND:
        for i in range(size):
            out[i] = x[i] * y[i]
    else:
        for i in range(size):
            out[i] = max(x[i], y[i])
