"""Numbers, names and lists in words.

Sentences compare numbers as they are printed: two shares that both print as 43% are a tie, so that
no sentence calls one larger than another that looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import pandas as pd

from customer_segmentation.panel.codebook import Scale, Variable

Printer = Callable[[float], str]
Row = Mapping[Hashable, Any]  # a row of a table: its cells by column


def percent(share: float) -> str:
    """A share in [0, 1] as whole per cent."""
    return f"{share:.0%}"


def percent_1(share: float) -> str:
    """A share in [-1, 1] as per cent with one decimal, for comparing models."""
    return _with_minus(f"{share:.1%}")


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return _with_minus(f"{100 * difference:+.1f}")


def one_decimal(value: float) -> str:
    """A number with one decimal, for counts that are means over repeats."""
    return f"{value:,.1f}"


def two_decimals(value: float) -> str:
    """A number with two decimals, for indices and effect sizes."""
    return _with_minus(f"{value:.2f}")


def three_decimals(value: float) -> str:
    """A number with three decimals, for log losses and p-values."""
    return _with_minus(f"{value:.3f}")


def signed_decimals(value: float) -> str:
    """A difference with two decimals and its sign."""
    return _with_minus(f"{value:+.2f}")


def whole(value: float) -> str:
    """A number without decimals, thousands parted by commas."""
    return _with_minus(f"{value:,.0f}")


def signed_whole(value: float) -> str:
    """A difference without decimals, with its sign."""
    return _with_minus(f"{value:+,.0f}")


def with_interval(row: Row, name: str, show: Printer, stem: str = "") -> str:
    """A figure with its interval in brackets; the figure alone where it has none.

    Args:
        row: Holds the figure, and its bounds under `stem` with _low and _high.
        name: Column of the figure.
        show: How all three are printed.
        stem: What the bounds are called after; the figure's own name if empty.

    Returns:
        Such as "57.1% (53.0% to 61.2%)".
    """
    low, high = (row[f"{stem or name}_{end}"] for end in ("low", "high"))
    if pd.isna(low) or pd.isna(high):
        return show(row[name])
    return f"{show(row[name])} ({show(low)} to {show(high)})"


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


def inside(name: str, labels: Mapping[str, str]) -> str:
    """The name for people of a model, information set or score, inside a sentence."""
    return lower_first(labels.get(name, name.replace("_", " ")))


def upper_first(text: str) -> str:
    """A phrase at the start of a sentence."""
    return text[:1].upper() + text[1:]


def opening(name: str, labels: Mapping[str, str]) -> str:
    """The name for people of a model, information set or score, at the start of a sentence."""
    return upper_first(labels.get(name, name.replace("_", " ")))


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


def _with_minus(number: str) -> str:
    """A true minus sign; a number that prints as zero has no sign."""
    is_zero = not any(digit in number for digit in "123456789")
    return number.lstrip("+-") if is_zero else number.replace("-", "\u2212")


def _amount(value: float) -> str:
    return whole(value) if abs(value) >= 100 else f"{value:.1f}"  # noqa: PLR2004
