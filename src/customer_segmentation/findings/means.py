"""What is known of the segments' means, and where it is enough to rank them.

A mean is a single number, or, where the panel only partly identifies a variable, a range between
the means of its two bounds. Segments are ranked only where neither the bounds nor the 95 %
intervals over households meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from customer_segmentation.findings.wording import Printer, printer_of, unit_of
from customer_segmentation.panel.codebook import Codebook, Variable


@dataclass(frozen=True)
class Mean:
    """Where a segment's mean of one variable lies.

    Attributes:
        n: Households that state the variable.
        low, high: The means of its bounds; equal when the variable is known exactly.
        sure_low, sure_high: The same with the 95 % interval over households.
        total_low, total_high: The means of its bounds over all eligible households.
    """

    n: int
    low: float
    high: float
    sure_low: float
    sure_high: float
    total_low: float
    total_high: float


def locate_means(profiles: pd.DataFrame, variable: str, codebook: Codebook) -> dict[str, Mean]:
    """Find the range in which each segment's mean of one variable lies.

    Args:
        profiles: `segment_profiles`; one row per segment and variable, its bounds included.
        variable: The variable.
        codebook: Its bounds, if it has any.

    Returns:
        What is known of the mean, by segment.
    """
    lower, upper = (
        profiles[profiles["variable"] == name].set_index("segment").to_dict("index")
        for name in codebook.bounds_of(variable)
    )
    return {
        str(segment): Mean(
            n=low["n"],
            low=low["mean"],
            high=upper[segment]["mean"],
            sure_low=low["mean_low"],
            sure_high=upper[segment]["mean_high"],
            total_low=low["total_mean"],
            total_high=upper[segment]["total_mean"],
        )
        for segment, low in lower.items()
    }


def find_leader(means: Mapping[str, Mean], show: Printer, sign: int = 1) -> str | None:
    """Name the segment whose mean is clearly the highest of all (sign 1), or the lowest (-1).

    Args:
        means: By segment.
        show: How means are printed; intervals whose ends print alike meet.
        sign: Which end is asked for.

    Returns:
        The segment, or None where its range meets that of another segment.
    """
    first = max(means, key=lambda name: sign * _edge(means[name], -sign))
    own, others = means[first], [mean for name, mean in means.items() if name != first]
    clear = all(
        is_beyond(own, other, sign) and show(_edge(own, -sign)) != show(_edge(other, sign))
        for other in others
    )
    return first if others and clear else None


def _edge(mean: Mean, sign: int) -> float:
    return mean.sure_high if sign > 0 else mean.sure_low


def is_beyond(one: Mean, other: Mean, sign: int) -> bool:
    """Whether one mean clearly lies above another (sign 1) or below it (sign -1)."""
    above, below = (one, other) if sign > 0 else (other, one)
    return above.sure_low > below.sure_high


def print_range(low: float, high: float, show: Printer) -> str:
    """A number, or a range of two numbers that print differently."""
    return show(low) if show(low) == show(high) else f"{show(low)} to {show(high)}"


def print_mean(mean: Mean, show: Printer) -> str:
    """A segment's mean, or the range between its bounds."""
    return print_range(mean.low, mean.high, show)


def print_total(mean: Mean, show: Printer) -> str:
    """The mean of all eligible households, or the range between its bounds."""
    return print_range(mean.total_low, mean.total_high, show)


def measure_mean(mean: Mean, variable: Variable) -> str:
    """A segment's mean with its unit, such as 73% to 84% of volume."""
    return f"{print_mean(mean, printer_of(variable))} {unit_of(variable)}".strip()
