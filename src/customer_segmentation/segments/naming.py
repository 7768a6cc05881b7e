"""Names by tested rules: segments are matched with the signatures of personas.

The numbers that k-means gives to segments are arbitrary, so a name never depends on them. Segments
and personas are matched by optimal assignment; a name is given only when the segment shows the
persona's whole signature and the best matching clearly beats the second best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from customer_segmentation.panel.values import ReadableError
from customer_segmentation.segments.partition import Labels
from customer_segmentation.segments.personas import Criterion, Naming, Persona

_ADVICE = (
    "Change segmentation.naming.personas or the specification, or set "
    "segmentation.naming.when_unmatched to number."
)


class SegmentNamingError(ReadableError):
    """Segments that do not match the personas' signatures."""


def name_segments(indicators: pd.DataFrame, labels: Labels, naming: Naming) -> dict[int, str]:
    """Give every segment the name it has earned.

    Args:
        indicators: One row per household, one column per variable of the signatures, in any unit.
        labels: The segment number of each household.
        naming: Personas, margin, and what to do when they do not match.

    Returns:
        The name of each segment number. Equal groups get equal names, whatever their numbers are.

    Raises:
        SegmentNamingError: The segments do not match the personas, and may not be numbered.
    """
    try:
        return match_personas(standardised_means(indicators, labels), naming)
    except SegmentNamingError:
        if naming.when_unmatched == "refuse":
            raise
        return _number_by_size(labels)


def standardised_means(indicators: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Average each variable's z-scores within each segment.

    Args:
        indicators: One row per household, one column per variable; missing values are left out.
        labels: The segment number of each household.

    Returns:
        One row per segment number, one column per variable, in standard deviations of all
        households; 0 where a variable is constant.
    """
    spread = indicators.std(ddof=0)
    z_scores = (indicators - indicators.mean()) / spread.where(spread > 0, 1)
    return z_scores.groupby(labels).mean()


def match_personas(means: pd.DataFrame, naming: Naming) -> dict[int, str]:
    """Match segments and personas one to one so that their signatures fit best together.

    Args:
        means: One row per segment number, one column per variable, in standard deviations.
        naming: Personas and margin.

    Returns:
        The persona's name of each segment number.

    Raises:
        SegmentNamingError: There are not as many segments as personas, the best matching does not
            beat the second best by the margin, or a segment does not show its persona's signature.
    """
    if len(means) != len(naming.personas):
        raise SegmentNamingError(
            f"There are {len(means)} segments, but {len(naming.personas)} personas. {_ADVICE}"
        )
    fit = _fit_of_pairs(means, naming.personas)
    pairs = list(zip(*linear_sum_assignment(fit, maximize=True), strict=True))
    for row, column in pairs:
        _refuse_other_signature(means, row, naming.personas[column])
    _refuse_narrow_margin(fit, pairs, naming.minimum_margin)
    return {int(means.index[row]): naming.personas[column].name for row, column in pairs}


def _fit_of_pairs(means: pd.DataFrame, personas: Sequence[Persona]) -> npt.NDArray[np.float64]:
    # The mean over a signature, so that personas with more criteria do not weigh more.
    columns = [
        np.mean([c.sign * means[c.variable].to_numpy() for c in persona.signature], axis=0)
        for persona in personas
    ]
    return np.column_stack(columns)


def _refuse_narrow_margin(
    fit: npt.NDArray[np.float64], pairs: Sequence[tuple[int, int]], minimum: float
) -> None:
    best = sum(fit[pair] for pair in pairs)
    # Every other matching breaks at least one pair of the best one.
    second = max(_best_without(fit, pair) for pair in pairs)
    if (margin := best - second) < minimum:
        raise SegmentNamingError(
            "Two ways to match the segments with the personas fit almost equally well: the best is "
            f"ahead by {margin:.2f} standard deviations, and segmentation.naming.minimum_margin "
            f"asks for {minimum:g}. {_ADVICE}"
        )


def _best_without(fit: npt.NDArray[np.float64], pair: tuple[int, int]) -> float:
    barred = fit.copy()
    barred[pair] = -1e6  # finite, because the solver refuses matrices without a finite matching
    return float(barred[linear_sum_assignment(barred, maximize=True)].sum())


def _refuse_other_signature(means: pd.DataFrame, row: int, persona: Persona) -> None:
    for criterion in persona.signature:
        if not _shows(means[criterion.variable].to_numpy(), row, criterion):
            raise SegmentNamingError(
                f"No segment shows the signature of {persona.name!r}. The best candidate, segment "
                f"{means.index[row]}, has {_describe(means.iloc[row])} (standard deviations from "
                f"the mean), but the signature asks for {_describe_criterion(criterion)}. {_ADVICE}"
            )


def _shows(means: npt.NDArray[np.float64], row: int, criterion: Criterion) -> bool:
    signed = criterion.sign * means
    beyond_all = bool((signed[row] > np.delete(signed, row)).all())
    return bool(signed[row] >= criterion.minimum) and (beyond_all or not criterion.foremost)


def _describe(means: pd.Series) -> str:
    return ", ".join(f"{variable} {mean:+.2f}" for variable, mean in means.items())


def _describe_criterion(criterion: Criterion) -> str:
    side = "at least +" if criterion.level == "high" else "at most -"
    beyond = ", beyond every other segment" if criterion.foremost else ""
    return f"{criterion.variable} {side}{criterion.minimum:g}{beyond}"


def _number_by_size(labels: Labels) -> dict[int, str]:
    numbers, sizes = np.unique(labels, return_counts=True)
    first_rows = [int(np.argmax(labels == number)) for number in numbers]
    order = sorted(range(len(numbers)), key=lambda i: (-sizes[i], first_rows[i]))
    return {int(numbers[i]): f"Segment {rank}" for rank, i in enumerate(order, start=1)}
