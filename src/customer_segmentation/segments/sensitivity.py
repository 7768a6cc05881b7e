"""What the chosen segments depend on: how many households move when one decision is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.admission import find_mismatch
from customer_segmentation.segments.agreement import adjusted_rand, align, cross_tabulate
from customer_segmentation.segments.candidates import take_values
from customer_segmentation.segments.constructs import Construct, Indicator
from customer_segmentation.segments.naming import name_segments
from customer_segmentation.segments.parameters import SegmentationParameters, Variation
from customer_segmentation.segments.partition import Labels, find_partitions
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.seeds import Purpose, seed_for
from customer_segmentation.segments.specification import Specification

SPECIFICATION, BOUNDS, SAMPLE = "specification", "bounds", "sample"
BOUNDS_NOTE = "the two ends of what the panel cannot tell, against each other"
COLUMNS = [
    "variation",
    "kind",
    "households",
    "households_moved",
    "ari",
    "sizes",
    "mismatch",
    "note",
]


class Setting(NamedTuple):
    """The solution that is varied.

    Attributes:
        households: One row per household of the panel.
        is_eligible: Which of them form the segments.
        specification: The chosen specification.
        segments: The number of segments.
        codebook: The panel's codebook.
        segmentation: Seed and what is varied.
    """

    households: pd.DataFrame
    is_eligible: npt.NDArray[np.bool_]
    specification: Specification
    segments: int
    codebook: Codebook
    segmentation: SegmentationParameters


def measure_sensitivity(setting: Setting) -> pd.DataFrame:
    """Change one decision at a time, and count the households whose segment changes.

    Args:
        setting: The chosen solution.

    Returns:
        One row per `variation`, over the `households` compared (the eligible ones): `kind`
        (specification: another measurement or weight; bounds: the lower against the upper bound
        of an indicator; sample: other households),
        `households_moved` after the segments are matched by most shared households, the adjusted
        Rand index `ari`, `sizes` (of the varied segments, each named after the one it shares most
        households with), `mismatch` (which persona's signature no varied segment shows; empty where
        all are shown) and a `note`. A bound of an indicator is compared with the middle that the
        specification uses, and the two bounds with each other.
    """
    base = _label(setting, setting.specification)
    rows = [
        *_vary_bounds(setting, base),
        *_vary_as_declared(setting, base),
        _vary_thin_records(setting, base),
        _split_halves(setting),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


Row = tuple[str, str, int, float, float, str, str, str]


def _compare(name: str, kind: str, first: Labels, second: Labels, note: str) -> Row:
    moved, ari = count_moved(first, second)
    return (name, kind, len(first), float(moved), ari, "", "", note)


def _vary(setting: Setting, name: str, kind: str, base: Labels, other: Labels, note: str) -> Row:
    """Compare a varied solution with the chosen one, by household, size and signature."""
    moved, ari = count_moved(base, other)
    naming = setting.segmentation.naming
    eligible = setting.households[setting.is_eligible]
    signs = derive_features(eligible, setting.codebook, naming.variables)
    names = name_segments(signs, base, naming.model_copy(update={"when_unmatched": "number"}))
    k = setting.segments
    aligned = align(cross_tabulate(base, other, k, k))[other]
    sizes = {names[number]: int((aligned == number).sum()) for number in range(k)}
    told = ", ".join(f"{segment} {size}" for segment, size in sorted(sizes.items()))
    mismatch = find_mismatch(signs, other, naming)
    return (name, kind, len(base), float(moved), ari, told, mismatch, note)


def count_moved(first: Labels, second: Labels) -> tuple[int, float]:
    """Count the households whose segment differs between two solutions of as many segments.

    Args:
        first: One segment number per household.
        second: The same, in the same order of households; numbers may mean other segments.

    Returns:
        The number of households that move once the segments are matched by most shared households,
        and the adjusted Rand index.
    """
    k = int(max(first.max(), second.max())) + 1
    counts = cross_tabulate(first, second, k, k)
    moved = int((align(counts)[second] != first).sum())
    return moved, adjusted_rand(counts)


def _vary_bounds(setting: Setting, base: Labels) -> Iterator[Row]:
    codebook = setting.codebook
    for indicator in setting.specification.indicators:
        low, high = codebook.bounds_of(indicator.variable)
        if low == high:
            continue
        ends = [
            _label(setting, _replace(setting.specification, {indicator.variable: bound}))
            for bound in (low, high)
        ]
        note = f"in place of: {codebook[indicator.variable].label}"
        yield _vary(setting, codebook[low].label, SPECIFICATION, base, ends[0], note)
        yield _vary(setting, codebook[high].label, SPECIFICATION, base, ends[1], note)
        both = f"{codebook[low].title} against {codebook[high].title}"
        yield _compare(both, BOUNDS, ends[0], ends[1], BOUNDS_NOTE)


def _vary_as_declared(setting: Setting, base: Labels) -> Iterator[Row]:
    for variation in setting.segmentation.sensitivity.variations:
        changed = vary(setting.specification, variation)
        if changed is not None:
            labels = _label(setting, changed)
            yield _vary(setting, variation.name, SPECIFICATION, base, labels, "")


def vary(specification: Specification, variation: Variation) -> Specification | None:
    """Apply a variation to a specification.

    Args:
        specification: The specification.
        variation: What is changed.

    Returns:
        The changed specification; None when it has no such indicator or construct, or a score would
        keep no indicator.
    """
    indicators = {i.variable: i for i in specification.indicators}
    constructs = {construct.name for construct in specification.constructs}
    applies = set(variation.indicators) <= set(indicators)
    if not applies or not set(variation.construct_weights) <= constructs:
        return None
    for name, quantile in variation.upper_quantiles.items():
        indicators[name] = indicators[name].model_copy(update={"upper_quantile": quantile})
    for name, other in variation.replace.items():
        indicators[name] = indicators[name].model_copy(update={"variable": other})
    changed: dict[str, Indicator | None] = {**indicators, **dict.fromkeys(variation.leave_out)}
    varied = tuple(
        _weigh(construct.change_indicators(changed), variation)
        for construct in specification.constructs
    )
    if not all(score.indicators for construct in varied for score in construct.scores):
        return None
    return specification.model_copy(update={"constructs": varied})


def _weigh(construct: Construct, variation: Variation) -> Construct:
    weight = variation.construct_weights.get(construct.name, construct.weight)
    return construct.model_copy(update={"weight": weight})


def _replace(specification: Specification, variables: dict[str, str]) -> Specification:
    changed = vary(specification, Variation(name="", replace=variables))
    assert changed is not None  # noqa: S101 - the variable is one of the specification's own
    return changed


def _vary_thin_records(setting: Setting, base: Labels) -> Row:
    everyone = np.arange(len(setting.households))
    labels = _label(setting, setting.specification, everyone)
    thin = int((~setting.is_eligible).sum())
    note = f"{thin} thin records help to form the segments; compared without them"
    return _vary(setting, "With the thin records", SAMPLE, base, labels, note)


def _split_halves(setting: Setting) -> Row:
    """Each random half of the households forms segments of its own and labels all households."""
    eligible = np.flatnonzero(setting.is_eligible)
    splits = setting.segmentation.sensitivity.split_halves
    compared = []
    for split in range(splits):
        seed = seed_for(setting.segmentation.random_state, Purpose.HALVES, split)
        order = np.random.default_rng(seed).permutation(eligible)
        halves = np.array_split(order, 2)
        compared.append(
            count_moved(*(_label(setting, setting.specification, half) for half in halves))
        )
    moved, ari = np.array(compared, dtype=np.float64).T
    note = (
        f"each half forms segments by itself; median of {splits} splits, in nine of ten the index "
        f"reaches {np.quantile(ari, 0.1):.2f}"
    )
    return (
        "Two random halves",
        SAMPLE,
        len(eligible),
        float(np.median(moved)),
        float(np.median(ari)),
        "",
        "",
        note,
    )


def _label(
    setting: Setting, specification: Specification, rows: npt.NDArray[np.intp] | None = None
) -> Labels:
    """Form segments on some rows (the eligible ones unless told) and label the eligible ones."""
    eligible = np.flatnonzero(setting.is_eligible)
    used = eligible if rows is None else rows
    values = take_values(setting.households, specification, setting.codebook)
    learnt = learn_scores(values.iloc[used], specification.scores)
    seed = seed_for(setting.segmentation.random_state, Purpose.SOLUTION)
    k = setting.segments
    # Random halves are many, and their own chance counts more than that of the starts.
    whole = rows is None or len(rows) >= len(eligible)
    method = specification.solution_method if whole else specification.method
    scores = learnt.compute(values.iloc[used])
    partition = find_partitions(scores, [k], method, seed)[k]
    return partition.assign(learnt.compute(values.iloc[eligible]))
