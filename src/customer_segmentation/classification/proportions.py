"""Intervals for shares of households that were each looked at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Floats = npt.NDArray[np.float64]


def bound_shares(
    shares: npt.ArrayLike, households: npt.ArrayLike, level: float
) -> tuple[Floats, Floats]:
    """Find Wilson's interval of each share.

    Args:
        shares: Observed shares, in [0, 1].
        households: The number of households behind each; missing where there is none.
        level: Share of cases in which the interval should hold the true share, in (0, 1).

    Returns:
        The lower and the upper ends, in [0, 1]; missing where shares or households are.

    References:
        Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    share, n = np.asarray(shares, dtype=np.float64), np.asarray(households, dtype=np.float64)
    spread = ndtri((1 + level) / 2) ** 2 / n
    centre = share + spread / 2
    reach = np.sqrt(spread * (share * (1 - share) + spread / 4))
    low, high = (centre - reach) / (1 + spread), (centre + reach) / (1 + spread)
    return low.clip(0, 1), high.clip(0, 1)  # rounding may lead a hair outside
