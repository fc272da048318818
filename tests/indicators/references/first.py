"""Published values of the usual indicators."""

from __future__ import annotations

import math

from tests.indicators.references import SPY_DAILY, Reference

EXACT = 1e-9
"""Of files that show all digits."""

FAST_START = "theirs starts the fast average at its own first values"
ADX_START = "theirs starts Wilder's sums one bar later"
STILL = "theirs starts from the first bar, as after a market that stood still"
RANGE_START = "theirs counts the first bar's high - low as a true range"
ROUNDED = "prices and volumes of the file are rounded too"
SWAPPED = "the file's columns of 5 and 15 bars are swapped"

SKENDER = [
    Reference("skender/out_sma.csv", ("sma", [20]), {"sma": "sma"}, EXACT, SPY_DAILY),
    Reference("skender/out_ema.csv", ("ema", [20]), {"ema": "ema"}, EXACT, SPY_DAILY),
    Reference("skender/out_wma.csv", ("wma", [14]), {"wma": "wma"}, EXACT, SPY_DAILY),
    Reference("skender/out_rsi.csv", ("rsi", [14]), {"rsi": "rsi"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_macd.csv",
        ("macd", [12, 26, 9]),
        {"macd": "macd", "signal": "signal", "histogram": "histogram"},
        EXACT,
        SPY_DAILY,
        converged=150,
        note=FAST_START,
    ),
    Reference("skender/out_macd.csv", ("ema", [12]), {"ema": "fastEma"}, EXACT, SPY_DAILY),
    Reference("skender/out_macd.csv", ("ema", [26]), {"ema": "slowEma"}, EXACT, SPY_DAILY),
    Reference("skender/out_atr.csv", ("atr", [14]), {"atr": "atr"}, EXACT, SPY_DAILY),
    Reference("skender/out_atr.csv", ("true_range", []), {"true_range": "tr"}, EXACT, SPY_DAILY),
    Reference("skender/out_atr-stop.csv", ("atr", [21]), {"atr": "atr"}, EXACT, SPY_DAILY),
    Reference("skender/out_tr.csv", ("true_range", []), {"true_range": "tr"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_bb.csv",
        ("bollinger", [20, 2]),
        {"upper": "upperBand", "middle": "sma", "lower": "lowerBand", "percent_b": "percentB", "width": "width"},
        EXACT,
        SPY_DAILY,
    ),
    Reference("skender/out_bb.csv", ("zscore", [20]), {"zscore": "zScore"}, EXACT, SPY_DAILY),
    Reference("skender/out_stdev.csv", ("stddev", [14]), {"stddev": "stdDev"}, EXACT, SPY_DAILY),
    Reference("skender/out_stdev.csv", ("sma", [14]), {"sma": "mean"}, EXACT, SPY_DAILY),
    Reference("skender/out_stdev.csv", ("zscore", [14]), {"zscore": "zScore"}, EXACT, SPY_DAILY),
    Reference("skender/out_slope.csv", ("stddev", [14]), {"stddev": "stdDev"}, EXACT, SPY_DAILY),
    Reference("skender/out_ma-env.csv", ("sma", [20]), {"sma": "centerline"}, EXACT, SPY_DAILY),
    Reference("skender/out_keltner.csv", ("ema", [20]), {"ema": "centerline"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_donchian.csv",
        ("donchian", [20]),
        {"upper": "upperBand", "middle": "centerline", "lower": "lowerBand"},
        EXACT,
        SPY_DAILY,
        later=1,
        note="theirs ends with the bar before",
    ),
    Reference(
        "skender/out_stoch.csv", ("stochastic", [14, 3, 3]), {"k": "oscillator", "d": "signal"}, EXACT, SPY_DAILY
    ),
    Reference(
        "skender/out_adx.csv",
        ("adx", [14]),
        {"adx": "adx", "plus_di": "pdi", "minus_di": "mdi"},
        EXACT,
        SPY_DAILY,
        converged=345,
        note=ADX_START,
    ),
    Reference("skender/out_cci.csv", ("cci", [20]), {"cci": "cci"}, EXACT, SPY_DAILY),
    Reference("skender/out_mfi.csv", ("mfi", [14]), {"mfi": "mfi"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_obv.csv",
        ("obv", []),
        {"obv": "obv"},
        EXACT,
        SPY_DAILY,
        offsets={"obv": 96_708_880},
        note="theirs starts at 0, ours at the first volume",
    ),
    Reference("skender/out_roc.csv", ("roc", [14]), {"roc": "roc"}, EXACT, SPY_DAILY),
    Reference("skender/out_roc-wb.csv", ("roc", [20]), {"roc": "roc"}, EXACT, SPY_DAILY),
    Reference("skender/out_vwap.csv", ("vwap", []), {"vwap": "vwap"}, EXACT, SPY_DAILY, note="one session"),
]

BY_HAND = [
    Reference("skender/manual_rsi14.csv", ("rsi", [14]), {"rsi": "RSI(14)"}, EXACT),
    Reference("skender/manual_atr14.csv", ("atr", [14]), {"atr": "ATR"}, EXACT),
    Reference("skender/manual_atr14.csv", ("true_range", []), {"true_range": "TR"}, EXACT),
    Reference(
        "skender/manual_macd_12_26_9.csv",
        ("macd", [12, 26, 9]),
        {"macd": "MACD", "signal": "Signal", "histogram": "Histo"},
        EXACT,
        converged=150,
        note=FAST_START,
    ),
    Reference(
        "skender/manual_bb_20_2.csv",
        ("bollinger", [20, 2]),
        {"upper": "upper", "middle": "sma", "lower": "lower", "percent_b": "%b", "width": "width"},
        EXACT,
    ),
    Reference("skender/manual_bb_20_2.csv", ("stddev", [20]), {"stddev": "stdev"}, EXACT),
    Reference("skender/manual_bb_20_2.csv", ("zscore", [20]), {"zscore": "z-score"}, EXACT),
    Reference(
        "skender/manual_adx14.csv",
        ("adx", [14]),
        {"adx": "ADX", "plus_di": "+DI14", "minus_di": "-DI14"},
        EXACT,
        converged=345,
        note=ADX_START,
    ),
    Reference("skender/manual_stoch_14_3_3.csv", ("stochastic", [14, 3, 3]), {"k": "%K", "d": "%D"}, EXACT),
    Reference("skender/manual_supertrend_14_3.csv", ("atr", [14]), {"atr": "ATR"}, EXACT),
    Reference("skender/manual_ema20.csv", ("ema", [20]), {"ema": "ema"}, EXACT),
    Reference("skender/manual_ema20.csv", ("ema", ["open", 20]), {"ema": "ema(O)"}, EXACT),
    Reference(
        "skender/manual_vwap_intraday_spy_1min.csv", ("vwap", []), {"vwap": "VWAP"}, EXACT, note="session of a day"
    ),
]

LEAN = [
    Reference("lean/spy_with_indicators.txt", ("sma", [14]), {"sma": "SMA14"}, 1e-2, note=ROUNDED),
    Reference("lean/spy_with_indicators.txt", ("ema", [14]), {"ema": "EMA14"}, 1e-2, note=ROUNDED),
    Reference(
        "lean/spy_with_indicators.txt",
        ("macd", [12, 26, 9]),
        {"macd": "MACD 12 26"},
        5e-4,
        converged=90,
        note=FAST_START,
    ),
    Reference("lean/spy_with_indicators.txt", ("rsi", [14]), {"rsi": "RSI 14 Wilder"}, 5e-6),
    Reference(
        "lean/spy_with_macd.txt",
        ("macd", [12, 26, 9]),
        {"macd": "MACD", "signal": "Signal", "histogram": "Histogram"},
        1e-5,
        note=ROUNDED,
    ),
    Reference(
        "lean/spy_atr_wilder.txt",
        ("atr", [14]),
        {"atr": "Average True Range 14"},
        5e-6,
        led_in=1,
        note=RANGE_START,
    ),
    Reference(
        "lean/spy_bollinger_bands.txt",
        ("bollinger", [20, 2]),
        {
            "upper": "Bollinger Bands® 20 2 Top",
            "middle": "Moving Average 20",
            "lower": "Bollinger Bands® 20 2 Bottom",
            "percent_b": "%B",
            "width": "BandWidth",
        },
        1e-4,
        factors={"width": 0.01},
        note="computed in single precision; their width is in percent",
    ),
    Reference(
        "lean/spy_with_adx.txt",
        ("adx", [14]),
        {"adx": "ADX 14", "plus_di": "+DI14", "minus_di": "-DI14"},
        5e-5,
        converged=245,
        note=ADX_START,
    ),
    Reference("lean/spy_with_adx.txt", ("true_range", []), {"true_range": "TR"}, 5.001e-3),
    Reference("lean/spy_mfi.txt", ("mfi", [20]), {"mfi": "Money Flow Index 20"}, 1e-5, note=ROUNDED),
    Reference("lean/spy_with_obv.txt", ("obv", []), {"obv": "OBV"}, 3e3, note=ROUNDED),
    Reference(
        "lean/spy_with_stoch12k3.txt",
        ("stochastic", [12, 3, 5]),
        {"k": "Stochastics 12 %K 3", "d": "%D 5"},
        5e-4,
        note="computed in single precision",
    ),
    Reference(
        "lean/spy_with_don50.txt",
        ("donchian", [50]),
        {
            "upper": "Donchian Channels 50 Top",
            "middle": "Donchian Channels 50 Mean",
            "lower": "Donchian Channels 50 Bottom",
        },
        5e-6,
        converged=49,
        note="theirs has values from the first bar on",
    ),
    Reference(
        "lean/spy_with_cci.txt",
        ("cci", [14]),
        {"cci": "Commodity Channel Index (CCI) 14"},
        5e-3,
        note="computed in single precision",
    ),
    Reference("lean/spy_ema.csv", ("ema", [14]), {"ema": "EMA14"}, EXACT),
    Reference("lean/spy_with_rma.csv", ("sma", [5]), {"sma": "SMA15"}, 5e-8, converged=4, note=SWAPPED),
    Reference("lean/spy_with_rma.csv", ("sma", [10]), {"sma": "SMA10"}, 5e-8, converged=9),
    Reference("lean/spy_with_rma.csv", ("sma", [15]), {"sma": "SMA5"}, 5e-8, converged=14, note=SWAPPED),
    Reference("lean/spy_tr.txt", ("true_range", []), {"true_range": "TR"}, EXACT),
    Reference(
        "lean/spy_with_keltner.csv",
        ("sma", ["vwap", 20]),
        {"sma": "Middle Band"},
        6e-5,
        note="of the typical price, itself rounded",
    ),
    Reference(
        "lean/spy_sm.csv",
        ("bollinger", [20, 2]),
        {"upper": "bb high", "middle": "mid_bb", "lower": "bb low"},
        EXACT,
    ),
]

STOCKCHARTS = [
    Reference(
        "stockcharts/cs-adx.csv",
        ("adx", [14]),
        {"adx": "ADX", "plus_di": "+DI14", "minus_di": "-DI14"},
        5e-8,
        converged=345,
        note=ADX_START,
    ),
    Reference("stockcharts/cs-adx.csv", ("true_range", []), {"true_range": "TR"}, 5e-8),
    Reference(
        "stockcharts/cs-bbands.csv",
        ("bollinger", [20, 2]),
        {
            "upper": "HighBand",
            "middle": "MiddleBand",
            "lower": "LowBand",
            "percent_b": "PercentageBand",
            "width": "WidthBand",
        },
        5e-7,
        factors={"width": 0.01},
    ),
    Reference("stockcharts/cs-bbands.csv", ("stddev", [20]), {"stddev": "20-day Standard Deviation"}, 5e-7),
    Reference("stockcharts/cs-cci.csv", ("cci", [20]), {"cci": "CCI"}, 5e-5),
    Reference(
        "stockcharts/cs-dc.csv",
        ("donchian", [20]),
        {"upper": "upper_band", "middle": "middle_band", "lower": "lower_band"},
        5.001e-3,
    ),
    Reference("stockcharts/cs-dc.csv", ("sma", [20]), {"sma": "average"}, 5.001e-6),
    Reference(
        "stockcharts/cs-dc2.csv",
        ("donchian", [20]),
        {"upper": "upper_band", "middle": "middle_band", "lower": "lower_band"},
        5.001e-3,
        later=1,
        note="theirs ends with the bar before",
    ),
    Reference("stockcharts/cs-macd.csv", ("macd", [12, 26, 9]), {"macd": "MACD_line"}, 5e-10, led_in=60, note=STILL),
    Reference(
        "stockcharts/cs-macd.csv",
        ("macd", [12, 26, 9]),
        {"signal": "MACD_signal", "histogram": "MACD_diff"},
        5e-9,
        led_in=60,
        converged=80,
        note="their signal starts at another value",
    ),
    Reference("stockcharts/cs-mfi.csv", ("mfi", [14]), {"mfi": "MFI"}, 5e-6),
    Reference("stockcharts/cs-obv.csv", ("obv", []), {"obv": "OBV"}, EXACT),
    Reference("stockcharts/cs-roc.csv", ("roc", [12]), {"roc": "ROC"}, 5e-9),
    Reference(
        "stockcharts/cs-soo.csv",
        ("stochastic", [14, 1, 3]),
        {"k": "SO", "d": "SO_SIG"},
        1e-6,
        note="d from rounded values",
    ),
    Reference(
        "stockcharts/cs-wma.csv", ("wma", [9]), {"wma": "WMA"}, 5e-5, converged=8, note="theirs knows the bars before"
    ),
]

MPLFINANCE = [
    Reference(
        "mplfinance/SPY_20110701_20120630_Bollinger.csv",
        ("bollinger", [20, 2 * math.sqrt(20 / 19)]),
        {"upper": "UpperB", "lower": "LowerB", "percent_b": "PercentB"},
        EXACT,
        converged=19,
        note="theirs divides by n - 1, so k stands for 2; it knows the bars before",
    ),
]

# Not comparable: RSI 14 of spy_with_indicators is the one of Cutler.

REFERENCES = [*SKENDER, *BY_HAND, *LEAN, *STOCKCHARTS, *MPLFINANCE]
