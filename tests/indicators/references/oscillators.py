"""Published values of oscillators, and of averages and lines that run ahead."""

from __future__ import annotations

from tests.indicators.references import SPY_DAILY, Reference
from tests.indicators.references.first import EXACT, STILL

# Not comparable: out_slope counts the bars of its intercept from the first one of all.

REFERENCES = [
    Reference("skender/out_hma.csv", ("hma", [14]), {"hma": "hma"}, EXACT, SPY_DAILY),
    Reference("lean/spy_hma.txt", ("hma", [16]), {"hma": "HMA_16"}, 5e-8),
    Reference("lean/spy_with_zlema.csv", ("zlema", [5]), {"zlema": "ZLEMA5"}, EXACT),
    Reference("skender/out_tsi.csv", ("tsi", [25, 13, 7]), {"tsi": "tsi", "signal": "signal"}, EXACT, SPY_DAILY),
    Reference(
        "stockcharts/cs-tsi.csv",
        ("tsi", [25, 13, 7]),
        {"tsi": "TSI"},
        0.02,
        note="theirs rounds the weights of its averages down to 0.07692 and 0.1428",
    ),
    Reference("skender/out_uo.csv", ("ultimate", [7, 14, 28]), {"ultimate": "ultimate"}, EXACT, SPY_DAILY),
    Reference("stockcharts/cs-ultosc.csv", ("ultimate", [7, 14, 28]), {"ultimate": "Ult_Osc"}, 5e-7),
    Reference(
        "skender/out_aroon.csv",
        ("aroon", [25]),
        {"up": "aroonUp", "down": "aroonDown", "oscillator": "oscillator"},
        EXACT,
        SPY_DAILY,
        converged=233,
        note="of equal extremes theirs takes the oldest: two rows before differ",
    ),
    Reference("skender/out_slope.csv", ("linreg", [14]), {"slope": "slope", "r2": "rSquared"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_stoch-rsi.csv", ("stoch_rsi", [14, 14, 1, 3]), {"k": "stochRsi", "d": "signal"}, EXACT, SPY_DAILY
    ),
    Reference("lean/spy_with_StochRSI.csv", ("stoch_rsi", [14, 14, 3, 3]), {"k": "k", "d": "d"}, EXACT),
    Reference(
        "skender/out_crsi.csv",
        ("connors_rsi", [3, 2, 100]),
        {"connors_rsi": "connorsRsi", "rsi_close": "rsi", "rsi_streak": "rsiStreak", "percent_rank": "percentRank"},
        EXACT,
        SPY_DAILY,
        converged=101,
        note="theirs has a rank one bar sooner, where only 99 returns are before it",
    ),
    Reference(
        "skender/out_roc-wb.csv",
        ("roc_bands", [20, 5, 5]),
        {"roc": "roc", "signal": "rocEma", "upper": "upperBand", "lower": "lowerBand"},
        EXACT,
        SPY_DAILY,
    ),
    Reference("stockcharts/cs-stc.csv", ("stc", [23, 50, 10, 3]), {"stc": "stc"}, 5e-9, led_in=100, note=STILL),
    Reference(
        "stockcharts/cs-ppo.csv",
        ("ppo", [12, 26, 9]),
        {"ppo": "PPO", "signal": "PPO_Signal_Line", "histogram": "PPO_Histogram"},
        5e-10,
        led_in=60,
        note=STILL,
    ),
    Reference(
        "stockcharts/cs-pvo.csv",
        ("pvo", [12, 26, 9]),
        {"pvo": "PVO", "signal": "PVO_Signal_Line", "histogram": "PVO_Histogram"},
        5e-9,
        led_in=60,
        note=STILL,
    ),
    Reference("stockcharts/cs-rsi.csv", ("rsi", [14]), {"rsi": "RSI"}, 5e-7, led_in=30, note=STILL),
    Reference("stockcharts/cs-stochrsi.csv", ("rsi", [14]), {"rsi": "RSI"}, 5e-7, led_in=30, note=STILL),
    Reference(
        "stockcharts/cs-stochrsi.csv",
        ("stoch_rsi", [14, 14, 1, 1]),
        {"k": "StochRSI(14)"},
        5e-6,
        led_in=30,
        factors={"k": 100.0},
        note=STILL,
    ),
]
