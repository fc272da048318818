"""Trends, channels and volume."""

from __future__ import annotations

from tests.indicators.references import SPY_DAILY, Reference
from tests.indicators.references.first import RANGE_START, STILL

REFERENCES = [
    *(
        Reference(f"stockcharts/{name}.csv", ("true_range", []), {"true_range": "TR"}, 1e-9, converged=1)
        for name in ("cs-atr", "cs-atr2")
    ),
    Reference("lean/spy_natr.txt", ("natr", [5]), {"natr": "NATR_5"}, 1e-9),
    Reference(
        "skender/out_keltner.csv",
        ("keltner", [20, 2, 10]),
        {"upper": "upperBand", "middle": "centerline", "lower": "lowerBand", "width": "width"},
        1e-9,
        bars=SPY_DAILY,
    ),
    Reference("skender/out_supertrend.csv", ("supertrend", [10, 3]), {"value": "superTrend"}, 1e-9, bars=SPY_DAILY),
    Reference("skender/manual_supertrend_14_3.csv", ("supertrend", [14, 3]), {"value": "SuperTrend"}, 1e-9),
    Reference("skender/out_adl.csv", ("adl", []), {"adl": "adl"}, 1e-3, bars=SPY_DAILY),
    Reference("stockcharts/cs-accum.csv", ("adl", []), {"adl": "ADLine"}, 5e-5),
    Reference("skender/out_cmf.csv", ("cmf", [20]), {"cmf": "cmf"}, 1e-9, bars=SPY_DAILY),
    Reference(
        "lean/spy_cmf.txt",
        ("cmf", [20]),
        {"cmf": "CMF_20"},
        2e-6,
        converged=19,
        note="their file begins in mid-course; its last day was not over: the rest is within 1e-9",
    ),
    Reference("skender/manual_vwap_intraday_spy_1min.csv", ("vwap_bands", []), {"middle": "VWAP"}, 1e-9),
    Reference(
        "stockcharts/cs-vwap.csv",
        ("rolling_vwap", [14]),
        {"rolling_vwap": "vwap"},
        1e-9,
        converged=13,
        note="theirs has values before the window is full",
    ),
    Reference(
        "skender/out_heikinashi.csv",
        ("heikin_ashi", []),
        {"close": "close", "open": "open", "high": "high", "low": "low"},
        1e-9,
        bars=SPY_DAILY,
    ),
    Reference("stockcharts/cs-vpt.csv", ("vpt", []), {"vpt": "unsmoothed vpt"}, 1e-9),
    Reference("stockcharts/cs-easeofmovement.csv", ("emv", [14]), {"emv": "SMA_EMV"}, 5e-10),
    Reference("stockcharts/cs-easeofmovement.csv", ("emv", [1]), {"emv": "EMV"}, 5e-10),
    Reference(
        "skender/out_ma-env.csv",
        ("envelope", [20, 2.5]),
        {"upper": "upperEnvelope", "middle": "centerline", "lower": "lowerEnvelope"},
        1e-9,
        bars=SPY_DAILY,
    ),
    Reference("skender/out_atr-stop.csv", ("atr_stop", [21, 3]), {"value": "atrStop"}, 1e-9, bars=SPY_DAILY),
    Reference("stockcharts/cs-atr.csv", ("atr", [14]), {"atr": "ATR"}, 5e-10, led_in=1, converged=13, note=RANGE_START),
    Reference("stockcharts/cs-atr2.csv", ("atr", [10]), {"atr": "ATR"}, 1e-9, led_in=1, converged=9, note=RANGE_START),
    Reference("stockcharts/cs-kc.csv", ("atr", [10]), {"atr": "atr"}, 1e-9, led_in=1, converged=9, note=RANGE_START),
    Reference(
        "stockcharts/cs-kc.csv", ("keltner", [20, 2, 10]), {"middle": "middle_band"}, 1e-9, led_in=30, note=STILL
    ),
    Reference(
        "lean/dwac_supertrend.txt",
        ("supertrend", [10, 3]),
        {"value": "Super"},
        5e-8,
        led_in=1,
        converged=9,
        note=RANGE_START,
    ),
    Reference("stockcharts/cs-fi.csv", ("force_index", [1]), {"force_index": "FI_1"}, 1e-9),
    Reference("skender/out_force.csv", ("force_index", [2]), {"force_index": "forceIndex"}, 1e-9, bars=SPY_DAILY),
]
