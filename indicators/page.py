"""The page of indicators in Markdown: ``python -m indicators.page > docs/indicators.md``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from indicators.catalogue import CATALOGUE

if TYPE_CHECKING:
    from indicators.catalogue import Catalogue
    from indicators.spec import Indicator

_HEAD = """# Indicators

Made from the catalogue; what stands here is what rules and features can name. An argument that is left out has the
value shown. Where a source is taken it may be left out too: `sma(20)` is of the close, `sma(volume, 20)` of the
volume. Of several outputs one is named with a dot: `macd(12, 26, 9).signal`. Before its warm-up a value is not known
(NaN), never a guess.
"""


def page(catalogue: Catalogue) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(entry(catalogue[name]) for name in catalogue.names)])


def entry(indicator: Indicator) -> str:
    """One indicator's section."""
    spec = CATALOGUE.spec(indicator.name, [])
    arguments = ", ".join(f"{parameter.name}={parameter.default}" for parameter in indicator.parameters)
    warmups = ", ".join(f"{name} {bars}" for name, bars in zip(spec.outputs, spec.warmups, strict=True))
    facts = {
        "Outputs": ", ".join(f"`{name}`" for name in indicator.outputs),
        "Inputs": ", ".join(indicator.inputs),
        "Formula": indicator.formula,
        "Warm-up with these arguments, bars": warmups,
        "Waits for": indicator.waits,
        "Not known after warm-up": indicator.undefined,
        "Differs from TA-Lib": indicator.differences,
        "Cost": f"{indicator.cost} a bar",
    }
    lines = (f"- {name}: {text}" for name, text in facts.items() if text)
    return "\n".join([f"## `{indicator.name}({arguments})`", "", indicator.title, "", *lines, ""])


if __name__ == "__main__":
    sys.stdout.write(page(CATALOGUE))
