"""Published values of averages and of oscillators made of them."""

from __future__ import annotations

from tests.indicators.references import SPY_DAILY, Reference
from tests.indicators.references.first import EXACT, FAST_START

CHAIN_START = "theirs starts the later averages with the first value of the one before"
FIRST_KAMA = "theirs shows the value it starts from"

# Not comparable: RMA5 of spy_with_rma is no Wilder average of the closes beside it.

REFERENCES = [
    Reference("skender/out_smma.csv", ("smma", [20]), {"smma": "smma"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_dema.csv", ("dema", [14]), {"dema": "dema"}, EXACT, SPY_DAILY, converged=170, note=CHAIN_START
    ),
    Reference(
        "skender/out_tema.csv", ("tema", [20]), {"tema": "tema"}, EXACT, SPY_DAILY, converged=290, note=CHAIN_START
    ),
    Reference(
        "skender/out_kama.csv",
        ("kama", [10, 2, 30]),
        {"kama": "kama", "er": "er"},
        EXACT,
        SPY_DAILY,
        converged=10,
        note=FIRST_KAMA,
    ),
    Reference("skender/out_vwma.csv", ("vwma", [14]), {"vwma": "vwma"}, EXACT, SPY_DAILY),
    Reference("skender/out_willr.csv", ("williams_r", [14]), {"williams_r": "williamsR"}, EXACT, SPY_DAILY),
    Reference("skender/out_roc.csv", ("mom", [14]), {"mom": "momentum"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_trix.csv", ("trix", [14]), {"trix": "trix"}, EXACT, SPY_DAILY, converged=180, note=CHAIN_START
    ),
    Reference("skender/out_awesome.csv", ("awesome", [5, 34]), {"awesome": "oscillator"}, EXACT, SPY_DAILY),
    Reference(
        "skender/out_pvo.csv",
        ("ppo", ["volume", 12, 26, 9]),
        {"ppo": "pvo", "signal": "signal", "histogram": "histogram"},
        EXACT,
        SPY_DAILY,
        converged=200,
        note=FAST_START,
    ),
    Reference(
        "lean/spy_with_roc50.txt",
        ("mom", [50]),
        {"mom": "Rate of Change 50"},
        5e-5,
        note="their rate is a difference; single precision",
    ),
    Reference("lean/spy_with_vwma.csv", ("vwma", [20]), {"vwma": "VWMA20"}, EXACT),
    Reference(
        "lean/spy_with_williamsR14.txt",
        ("williams_r", [14]),
        {"williams_r": "Williams %R 14"},
        5e-4,
        note="computed in single precision",
    ),
    Reference("stockcharts/cs-percentr.csv", ("williams_r", [14]), {"williams_r": "Williams_%R"}, 5e-7),
    Reference(
        "stockcharts/cs-kama.csv",
        ("kama", [10, 2, 30]),
        {"kama": "KAMA", "er": "ER"},
        5.001e-7,
        converged=10,
        note=FIRST_KAMA,
    ),
    Reference(
        "stockcharts/cs-vwap.csv",
        ("vwma", ["vwap", 14]),
        {"vwma": "vwap"},
        EXACT,
        converged=13,
        note="a window that grows to 14 bars, not a session",
    ),
    Reference("lean/spy_var.txt", ("variance", [10]), {"variance": "Var"}, EXACT),
]
