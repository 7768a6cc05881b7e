"""Where each household lies among the segments: how near, how well placed, where on a map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist
from scipy.special import softmax

from customer_segmentation.segments.partition import Floats, Scores

AXES = ("component_1", "component_2")
OUTER, CORE = "outer", "core"

# Loadings that differ by less are equal: which of them is the largest must not hang on rounding.
_DIGITS = 9

SegmentOfEach = npt.NDArray[Any]


def measure_similarities(scores: Scores, centres: Floats) -> Floats:
    """Measure how near each household is to each segment, compared with the other segments.

    Args:
        scores: One row per household, one column per score, none missing.
        centres: One row per segment, one column per score.

    Returns:
        One row per household, one column per segment: exp(-distance to the centre), divided by
        the sum over the segments; from 0 to 1, each row sums to 1.

    References:
        Leisch (2010), Neighborhood graphs, stripes and shadow plots for cluster visualization.
        Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis, section 7.5.2 (gorge plots).
    """
    similarities: Floats = softmax(-cdist(scores, centres), axis=1)
    return similarities


def measure_silhouettes(distances: Floats, labels: SegmentOfEach) -> Floats:
    """Measure how much nearer each household is to its own segment than to the next one.

    The sums of distances are one matrix product, several times as fast as scikit-learn's loop over
    the households.

    Args:
        distances: Distance of every household to every household, 0 to itself.
        labels: The segment of each household.

    Returns:
        One silhouette per household, from -1 (nearer to another segment) to 1; 0 for a household
        that is alone in its segment; all missing when there is only one segment.

    References:
        Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of
        cluster analysis.
    """
    segments, numbers = np.unique(labels, return_inverse=True)
    if len(segments) == 1:
        return np.full(len(labels), np.nan)
    sizes = np.bincount(numbers)
    own = (np.arange(len(labels)), numbers)
    totals = distances @ np.eye(len(segments))[numbers]
    within = totals[own] / np.maximum(sizes[numbers] - 1, 1)
    means = totals / sizes
    means[own] = np.inf
    between = means.min(axis=1)
    larger = np.maximum(within, between)
    defined = (sizes[numbers] > 1) & (larger > 0)
    silhouettes: Floats = np.divide(
        between - within, larger, out=np.zeros(len(labels)), where=defined
    )
    return silhouettes


def project_scores(scores: Scores) -> tuple[Floats, Floats]:
    """Lay the households out in the plane that keeps most of their variance.

    Args:
        scores: One row per household, one column per score, none missing.

    Returns:
        The first two principal components, one row per household, in units of the scores; the
        largest loading of each is positive. And the share of the variance that each holds, from 0
        to 1. A single score leaves the second component and its share 0.

    References:
        Jolliffe (2002), Principal Component Analysis.
    """
    centred = scores - scores.mean(axis=0)
    _, spreads, loadings = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(loadings).round(_DIGITS).argmax(axis=1)
    signs = np.sign(loadings[np.arange(len(loadings)), largest])
    shown = min(len(AXES), len(loadings))
    components, shares = np.zeros((len(scores), len(AXES))), np.zeros(len(AXES))
    components[:, :shown] = centred @ (loadings * signs[:, np.newaxis])[:shown].T
    total = (spreads**2).sum()
    shares[:shown] = spreads[:shown] ** 2 / (total if total > 0 else 1)
    return components, shares


def outline_segments(components: Floats, labels: SegmentOfEach) -> pd.DataFrame:
    """Outline each segment on the map: around all its households, and around its inner half.

    Args:
        components: One row per household, two columns: its place on the map.
        labels: The segment of each household.

    Returns:
        One row per segment x part x corner: `segment`, `part` (`outer` around all households,
        `core` around the half nearest to the segment's mean, more on ties), `step` (from 1, along
        the closed line: the last corner is the first), `component_1` and `component_2`. Households
        that lie on one line have no outline.

    References:
        Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis, section 8.3.2 (the hulls of
        flexclust's segment separation plot).
    """
    rows = [
        (segment, part, step, *corner)
        for segment in np.unique(labels)
        for part, members in _split(components[labels == segment])
        for step, corner in enumerate(_surround(members), start=1)
    ]
    return pd.DataFrame(rows, columns=["segment", "part", "step", *AXES])


def _split(members: Floats) -> Iterator[tuple[str, Floats]]:
    yield OUTER, members
    distances = np.linalg.norm(members - members.mean(axis=0), axis=1)
    yield CORE, members[distances <= np.median(distances)]


def _surround(points: Floats) -> Floats:
    try:
        corners = ConvexHull(points).vertices
    except QhullError:  # too few points, or all on one line
        return points[:0]
    return points[[*corners, corners[0]]]
