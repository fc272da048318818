"""Technical indicators for many symbols at once, incremental and restorable.

Takes and gives plain numpy arrays: one row a symbol, one column a quantity. `CATALOGUE` names what there is,
a `Spec` is one indicator with its arguments, a `Frame` keeps the bars and the state of all specs of one
timeframe, a `SymbolTable` turns tickers into rows.

    >>> import numpy as np
    >>> from indicators import CATALOGUE, Frame
    >>> frame = Frame([CATALOGUE.spec("sma", [2])])
    >>> rows, session = np.array([0]), np.array([0])
    >>> for minute, close in enumerate((10.0, 11.0, 13.0)):
    ...     bar = np.array([[close], [close], [close], [close], [100.0], [np.nan]])
    ...     frame.update(rows, np.array([minute * 60_000]), bar, session)
    >>> float(frame.out[frame.column("sma(2)", "sma"), 0])
    12.0
"""

from __future__ import annotations

from indicators.catalogue import CATALOGUE
from indicators.frame import Frame
from indicators.spec import Indicator, Parameter, Spec
from indicators.symbols import SymbolTable

__all__ = ["CATALOGUE", "Frame", "Indicator", "Parameter", "Spec", "SymbolTable"]
