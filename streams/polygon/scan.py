"""The fast path: canonical ``A`` and ``AM`` elements from bytes straight into columns.

The scanner reads strict JSON and nothing clever. What it does not fully recognise in an element (an escape, a sign, an
exponent, white space, a repeated key, more digits than a double holds, another type) sends that element, as a range of
bytes, to the typed decoder: the two give the same bits wherever the scanner answers at all.

A frame has to end in ``]``. Nothing here steps over that byte but the two walks that count (`_string_end`,
`_value_end`), so that no other loop has to test for the end of the text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from streams.polygon.jit import inlined, kernel
from streams.polygon.laws import breach, known

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streams.types import Floats, Longs

    Text = NDArray[np.uint8]
    Verdicts = NDArray[np.int8]

DONE: Final = 0
"""The whole array was read."""
FULL: Final = 1
"""The rows are used up; go on at the position returned."""
BROKEN: Final = 2
"""No JSON array: its frame is broken at the position returned."""

TYPED: Final = -1
"""Verdict: a whole object, but one for the typed decoder."""
NOT_OBJECT: Final = -2
"""Verdict: an element that is no object. Verdicts of 0 and above are those of `laws.breach`."""

_KEYS: Final = ("o", "h", "l", "c", "v", "vw", "av", "op", "a", "dv", "dav", "s", "e", "z", "ev", "sym", "otc")
"""Keys by slot: the numbers of a bar as in `streams.bars.FIELDS`, five numbers more, two texts, one not read."""
_V, _VW, _AV, _OP, _A, _DV, _DAV, _S, _E, _EV, _SYM = 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15
NUMBERS: Final = 14
_READ: Final = 16
UNSEEN: Final = len(_KEYS)
FOLLOWERS: Final = UNSEEN + 1
_REQUIRED: Final = 0b1111 | 1 << _S | 1 << _E | 1 << _EV | 1 << _SYM
_VOLUMES: Final = 1 << _V | 1 << _DV

_QUOTE, _COMMA, _COLON, _BACKSLASH = 0x22, 0x2C, 0x3A, 0x5C
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 0x7B, 0x7D, 0x5B, 0x5D
_ZERO, _DOT, _LETTER_A, _LETTER_M, _SPACE, _TILDE = 0x30, 0x2E, 0x41, 0x4D, 0x20, 0x7E

_WORD_BYTES: Final = 8
_MOST_DIGITS: Final = 18
_EXACT: Final = 1 << 53
_POWERS: Final = 10.0 ** np.arange(_MOST_DIGITS + 1)
_SYMBOL_BYTES: Final = 16
_BAR_FIELDS: Final = 9
_SECOND_MS: Final = 1_000
_MINUTE_MS: Final = 60_000


def _letters() -> Text:
    table = np.zeros(256, np.uint8)
    table[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./-")] = 1
    return table


def _key_words() -> tuple[Longs, Longs, Longs]:
    """Each key with quotes and colon as the little-endian word it is in the text, the word's mask, its bytes."""
    text = [f'"{key}":'.encode() for key in _KEYS]
    words = [*(int.from_bytes(key, "little") for key in text), -1]
    masks = [*((1 << 8 * len(key)) - 1 for key in text), 0]
    return np.array(words), np.array(masks), np.array([*map(len, text), 0])


_TICKER: Final = _letters()
_WORDS, _MASKS, _LENGTHS = _key_words()


@kernel
def _at(text: Text, i: int) -> int:
    """Byte `i`; unsigned, for numba gives a signed index a test for counting from the end."""
    return np.int64(text[np.uint64(i)])  # type: ignore[return-value]


@kernel
def _word(text: Text, i: int) -> int:
    """Eight bytes from `i`, little-endian; the compiler makes one load of it."""
    low = _at(text, i) | _at(text, i + 1) << 8 | _at(text, i + 2) << 16 | _at(text, i + 3) << 24
    high = _at(text, i + 4) | _at(text, i + 5) << 8 | _at(text, i + 6) << 16 | _at(text, i + 7) << 24
    return low | high << 32


@kernel
def _skip_blanks(text: Text, i: int) -> int:
    while _at(text, i) in (0x20, 0x0A, 0x0D, 0x09):
        i += 1
    return i


@inlined
def _digits(text: Text, i: int, value: int) -> tuple[int, int]:
    """Position after the digits at `i`, and `value` with them appended; wraps silently after 18."""
    digit = _at(text, i) - _ZERO
    while 0 <= digit <= 9:  # noqa: PLR2004 - decimal
        value = value * 10 + digit
        i += 1
        digit = _at(text, i) - _ZERO
    return i, value


@inlined
def _number(text: Text, i: int) -> tuple[int, float]:
    """An unsigned JSON number without exponent; position -1 unless the double is exact (Clinger's fast path).

    At most 2**53 over a power of ten that is itself exact: one division, correctly rounded.
    """
    end, mantissa = _digits(text, i, 0)
    digits = end - i
    if digits == 0 or digits > _MOST_DIGITS or (digits > 1 and _at(text, i) == _ZERO):
        return -1, 0.0
    if _at(text, end) != _DOT:
        return (end if mantissa <= _EXACT else -1), float(mantissa)
    point = end + 1
    end, mantissa = _digits(text, point, mantissa)
    fraction = end - point
    if fraction == 0 or digits + fraction > _MOST_DIGITS or mantissa > _EXACT:
        return -1, 0.0
    return end, float(mantissa) / _POWERS[np.uint64(fraction)]


@inlined
def _quoted_number(text: Text, i: int) -> tuple[int, float]:
    if _at(text, i) != _QUOTE:
        return _number(text, i)
    i, value = _number(text, i + 1)
    return (i + 1 if i >= 0 and _at(text, i) == _QUOTE else -1), value


@kernel
def _string_end(text: Text, i: int) -> int:
    """Position after the string that begins at `i`; -1 for an escape or what is not printable ASCII."""
    for k in range(i + 1, text.size):
        c = _at(text, k)
        if c == _QUOTE:
            return k + 1
        if c < _SPACE or c > _TILDE or c == _BACKSLASH:
            return -1
    return -1


@kernel
def _is_key(text: Text, i: int, slot: int) -> bool:
    for k in range(_LENGTHS[slot]):  # noqa: SIM110 - numba knows no all()
        if _at(text, i + k) != _WORDS[slot] >> 8 * k & 0xFF:
            return False
    return True


@kernel
def _any_key(text: Text, i: int) -> tuple[int, int]:
    """Position after the key and colon at `i` (-1: none), and the key's slot."""
    end = _string_end(text, i) if _at(text, i) == _QUOTE else -1
    if end < 0 or _at(text, end) != _COLON:
        return -1, UNSEEN
    for slot in range(UNSEEN):
        if _LENGTHS[slot] == end + 1 - i and _is_key(text, i, slot):
            return end + 1, slot
    return end + 1, UNSEEN


@inlined
def _key(text: Text, i: int, expected: int) -> tuple[int, int]:
    """As `_any_key`, in one comparison where the key is the expected one."""
    slot = np.uint64(expected)
    if i + _WORD_BYTES <= text.size and _word(text, i) & _MASKS[slot] == _WORDS[slot]:
        return i + _LENGTHS[slot], expected
    return _any_key(text, i)


@kernel
def _ticker(text: Text, i: int, symbol: Text, row: int) -> int:
    """Copy the quoted ticker at `i` into a row of `symbol`, zero padded; position after it, or -1."""
    if _at(text, i) != _QUOTE:
        return -1
    i += 1
    size = 0
    while size < _SYMBOL_BYTES and _TICKER[np.uint64(_at(text, i))]:
        symbol[row, np.uint64(size)] = _at(text, i)
        size += 1
        i += 1
    for k in range(size, _SYMBOL_BYTES):
        symbol[row, np.uint64(k)] = 0
    return i + 1 if size and _at(text, i) == _QUOTE else -1


@kernel
def _kind(text: Text, i: int) -> tuple[int, int]:
    """Position after ``"A"`` or ``"AM"`` at `i` (-1: neither), and the bar's length in milliseconds."""
    if _at(text, i) != _QUOTE or _at(text, i + 1) != _LETTER_A:
        return -1, 0
    if _at(text, i + 2) == _QUOTE:
        return i + 3, _SECOND_MS
    return (i + 4 if _at(text, i + 2) == _LETTER_M and _at(text, i + 3) == _QUOTE else -1), _MINUTE_MS


@kernel
def _literal(text: Text, i: int, word: bytes) -> int:
    for k in range(len(word)):
        if _at(text, i + k) != word[k]:
            return -1
    return i + len(word)


@kernel
def _plain(text: Text, i: int) -> int:
    """Position after a number, plain string or literal whose value is not needed; -1 for anything else."""
    c = _at(text, i)
    if c == _QUOTE:
        return _string_end(text, i)
    if c == 0x74:  # noqa: PLR2004 - t
        return _literal(text, i, b"true")
    if c == 0x66:  # noqa: PLR2004 - f
        return _literal(text, i, b"false")
    if c == 0x6E:  # noqa: PLR2004 - n
        return _literal(text, i, b"null")
    return _number(text, i)[0]


@inlined
def _fields(text: Text, i: int, number: Floats, symbol: Text, row: int, follower: Longs) -> tuple[int, int, int]:
    """Read the object that begins at `i`: position after it (-1: not canonical), slots seen, length of the bar.

    `follower` remembers which key came after which, for the elements of one feed are written in one order.
    """
    seen, length_ms, before = 0, 0, UNSEEN
    while True:
        i, slot = _key(text, i + 1, follower[np.uint64(before)])
        follower[np.uint64(before)] = slot
        before = slot
        if i < 0 or (slot < _READ and seen >> slot & 1):
            return -1, 0, 0
        if slot in (_DV, _DAV):
            i, number[np.uint64(slot)] = _quoted_number(text, i)
        elif slot < NUMBERS:
            i, number[np.uint64(slot)] = _number(text, i)
        elif slot == _EV:
            i, length_ms = _kind(text, i)
        elif slot == _SYM:
            i = _ticker(text, i, symbol, row)
        else:
            i = _plain(text, i)
        if i < 0:
            return -1, 0, 0
        seen |= 1 << slot
        if _at(text, i) == _CLOSE:
            return i + 1, seen, length_ms
        if _at(text, i) != _COMMA:
            return -1, 0, 0


@inlined
def _bar(text: Text, i: int, number: Floats, symbol: Text, row: int, follower: Longs) -> tuple[int, int]:
    """Read the bar at `i` into `number`, by slot: position after it (-1: not canonical), and its length.

    Decimal volumes take the place of whole ones: only they show fractions of a share.
    """
    end, seen, length_ms = _fields(text, i, number, symbol, row, follower)
    if end < 0 or seen & _REQUIRED != _REQUIRED or seen & _VOLUMES == 0:
        return -1, 0
    if seen >> _DV & 1:
        number[_V] = number[_DV]
    if seen >> _DAV & 1:
        number[_AV] = number[_DAV]
    elif not seen >> _AV & 1:
        number[_AV] = math.nan
    for k in (_VW, _OP, _A):
        number[k] = known(number[k]) if seen >> k & 1 else math.nan
    return end, length_ms


@kernel
def _value_end(text: Text, i: int) -> int:
    """Position after the JSON value that begins at `i`, judged by strings and brackets alone; -1 if it has no end."""
    depth, quoted = 0, False
    first = i
    while i < text.size:
        c = _at(text, i)
        if quoted:
            i += c == _BACKSLASH
            quoted = c != _QUOTE
        elif c == _QUOTE:
            quoted = True
        elif depth == 0 and c in (_COMMA, _CLOSE_LIST):
            return i if i > first else -1
        elif c in (_OPEN, _OPEN_LIST):
            depth += 1
        elif c in (_CLOSE, _CLOSE_LIST):
            depth -= 1
            if depth <= 0:
                return i + 1 if depth == 0 and i + 1 < text.size else -1
        i += 1
    return -1


@kernel
def _first(text: Text) -> int:
    """Position of the first element of the array, or of its end; -1 when `text` is no array."""
    if text.size == 0 or _at(text, text.size - 1) != _CLOSE_LIST:
        return -1
    i = _skip_blanks(text, 0)
    return _skip_blanks(text, i + 1) if _at(text, i) == _OPEN_LIST else -1


@kernel
def scan(
    text: Text,
    i: int,
    symbol: Text,
    start_ms: Longs,
    length_ms: Longs,
    values: Floats,
    verdict: Verdicts,
    span: Longs,
    number: Floats,
    follower: Longs,
) -> tuple[int, int, int]:
    """Read the elements of the JSON array in `text` into rows of the columns, one row an element.

    A row holds a bar when its verdict is 0; otherwise its other columns mean nothing and its span goes to the typed
    decoder (`TYPED`), or the verdict says which law the bar breaks. Linear in the bytes, 0.8 nanoseconds each.

    Args:
        text: ``uint8[bytes]``, the frame without blanks after its end.
        i: 0, or the position at which to go on after `FULL`.
        symbol: ``uint8[m, 16]``.
        start_ms: ``int64[m]``.
        length_ms: ``int64[m]``.
        values: ``float64[9, m]``.
        verdict: ``int8[m]``.
        span: ``int64[m, 2]``, first byte and the one after the last of each element.
        number: ``float64[NUMBERS]``, scratch.
        follower: ``int64[FOLLOWERS]``, which key came after which; kept from frame to frame, `UNSEEN` at first.

    Returns:
        Rows filled, position, and `DONE`, `FULL` or `BROKEN`.
    """
    i = i or _first(text)
    if i < 0 or i == text.size - 1:
        return 0, i, DONE if i > 0 else BROKEN
    for row in range(verdict.size):
        end, length = -1, 0
        if _at(text, i) == _OPEN:
            end, length = _bar(text, i, number, symbol, row, follower)
        if end >= 0:
            verdict[row] = breach(number, number[_S], number[_E], float(length))
            start_ms[row], length_ms[row] = np.int64(number[_S]), length
            for k in range(_BAR_FIELDS):
                values[k, row] = number[k]
        else:
            end = _value_end(text, i)
            if end < 0:
                return row, i, BROKEN
            verdict[row] = TYPED if _at(text, i) == _OPEN else NOT_OBJECT
        span[row, 0], span[row, 1] = i, end
        i = _skip_blanks(text, end)
        if _at(text, i) == _CLOSE_LIST:
            return row + 1, i, DONE if i == text.size - 1 else BROKEN
        if _at(text, i) != _COMMA:
            return row, i, BROKEN
        i = _skip_blanks(text, i + 1)
    return verdict.size, i, FULL
