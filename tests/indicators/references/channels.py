"""Stops, clouds, and how far a price strays."""

from __future__ import annotations

from tests.indicators.references import SPY_DAILY, Reference

REFERENCES = [
    Reference(
        "skender/out_psar.csv",
        ("psar", [0.02, 0.2]),
        {"sar": "sar"},
        1e-9,
        bars=SPY_DAILY,
        converged=251,
        note="theirs starts from the first bar's high, so that the second raises the factor: another course until row "
        "39; at row 250 its stop turns to within the bar's own range; the rows between are the same too",
    ),
    Reference(
        "stockcharts/cs-psar.csv",
        ("psar", [0.02, 0.2]),
        {"sar": "psar_down"},
        5e-9,
        converged=8,
        note="theirs begins a bar later; with the stops above the price",
    ),
    Reference(
        "stockcharts/cs-psar.csv",
        ("psar", [0.02, 0.2]),
        {"sar": "psar_up"},
        5e-9,
        converged=8,
        note="theirs begins a bar later; with the stops below the price",
    ),
    Reference(
        "skender/out_ichimoku.csv",
        ("ichimoku", [9, 26, 52]),
        {"tenkan": "tenkanSen", "kijun": "kijunSen", "senkou_a": "senkouSpanA", "senkou_b": "senkouSpanB"},
        1e-9,
        bars=SPY_DAILY,
    ),
    Reference(
        "lean/spy_with_ichimoku.csv",
        ("ichimoku", [9, 26, 52]),
        {"tenkan": "Tenkan", "kijun": "Kijun", "senkou_a": "Senkou A", "senkou_b": "Senkou B"},
        1e-9,
    ),
    Reference("skender/out_vortex.csv", ("vortex", [14]), {"plus": "pvi", "minus": "nvi"}, 1e-9, bars=SPY_DAILY),
    Reference("stockcharts/cs-vortex.csv", ("vortex", [14]), {"plus": "+VI14", "minus": "-VI14"}, 5e-7),
    Reference("skender/out_chop.csv", ("choppiness", [14]), {"choppiness": "chop"}, 1e-9, bars=SPY_DAILY),
    Reference("stockcharts/cs-ui.csv", ("ulcer", [14]), {"ulcer": "ulcer_index"}, 5e-10),
    Reference("skender/out_vwap.csv", ("anchored_vwap", [0]), {"anchored_vwap": "vwap"}, 1e-9, bars=SPY_DAILY),
    Reference("skender/manual_vwap_intraday_spy_1min.csv", ("anchored_vwap", [0]), {"anchored_vwap": "VWAP"}, 1e-9),
]
