"""Rows of several writes as one table in order, the latest of equals kept. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streams.history.schema import coded, times

if TYPE_CHECKING:
    import pyarrow as pa

    from streams.history.schema import Keyed
    from streams.types import Longs


def merged(table: pa.Table, kind: Keyed) -> pa.Table:
    """The rows in the order of `kind`; of rows with the same symbol and time the last one stays.

    Cost: O(n) for rows that are in order already, and nothing is copied; else O(n log k) for k runs in order.
    """
    table = table.unify_dictionaries().combine_chunks()
    if not len(table):
        return table
    keys = _keys(table, kind)
    if (np.diff(keys) > 0).all():
        return table
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    last = np.append(ordered[1:] != ordered[:-1], [True])
    return table.take(order[last])


def _keys(table: pa.Table, kind: Keyed) -> Longs:
    """One number a row, in the order of the rows wanted: milliseconds of a century by a million symbols fit."""
    names, codes = coded(table["symbol"])
    moment = times(table, kind.time)
    moment = moment - moment.min()
    keys: Longs = moment * len(names) + codes if kind.by_time else codes * (moment.max() + 1) + moment
    return keys
