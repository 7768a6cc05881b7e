"""Numbers, names and lists in words.

Sentences compare numbers as they are printed: two shares that both print as 43% are a tie, so that
no sentence calls one larger than another that looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from customer_segmentation.panel.codebook import Scale, Variable

Printer = Callable[[float], str]


def percent(share: float) -> str:
    """A share in [0, 1] as whole per cent."""
    return f"{share:.0%}"


def percent_1(share: float) -> str:
    """A share in [0, 1] as per cent with one decimal, for comparing models."""
    return f"{share:.1%}"


def two_decimals(value: float) -> str:
    """A number with two decimals, for indices and effect sizes."""
    return f"{value:.2f}".replace("-0.00", "0.00")


def whole(value: float) -> str:
    """A number without decimals, thousands parted by commas."""
    return f"{value:,.0f}"


def counted(number: float, noun: str) -> str:
    """A number with its noun, in the plural where there is not exactly one."""
    return f"{number:,.0f} {noun}" if number == 1 else f"{number:,.0f} {noun}s"


def sample(number: float, noun: str = "household") -> str:
    """The size of a sample, kept on one line: n = 543 households."""
    return f"n = {counted(number, noun)}".replace(" ", "\u00a0")


def listing(items: Iterable[str]) -> str:
    """Items as a list in a sentence: a, b and c."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def lower_first(text: str) -> str:
    """A label inside a sentence; a word in capitals keeps them."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    """A phrase at the start of a sentence."""
    return text[:1].upper() + text[1:]


def printer_of(variable: Variable) -> Printer:
    """How values of a variable are printed: shares as per cent, large amounts without decimals."""
    if variable.scale is Scale.SHARE:
        return percent
    return _amount


def unit_of(variable: Variable) -> str:
    """The unit that follows a printed value: of volume, rupees; nothing for a bare number."""
    return variable.unit.removeprefix("share ").strip()


def highest(values: pd.Series, show: Printer) -> list[str]:
    """The names whose value prints as the highest; more than one in a tie.

    Args:
        values: One number per name, the names as index; missing values are passed over.
        show: How the values will be printed.

    Returns:
        The names, in the order of the index.
    """
    top = show(values.max())
    return [str(name) for name, value in values.dropna().items() if show(value) == top]


def lowest(values: pd.Series, show: Printer) -> list[str]:
    """The names whose value prints as the lowest; more than one in a tie."""
    bottom = show(values.min())
    return [str(name) for name, value in values.dropna().items() if show(value) == bottom]


def _amount(value: float) -> str:
    return whole(value) if abs(value) >= 100 else f"{value:.1f}"  # noqa: PLR2004
