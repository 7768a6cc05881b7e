"""What the chosen segments depend on: how many households move when one decision is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.choice import find_chosen
from customer_segmentation.segments.naming import find_mismatch, name_segments
from customer_segmentation.segments.parameters import SegmentationParameters, Variation
from customer_segmentation.segments.partition import (
    Labels,
    Purpose,
    adjusted_rand,
    align,
    cross_tabulate,
    find_partitions,
    seed_for,
)
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.specification import Indicator, Specification

SPECIFICATION, BOUNDS, SAMPLE = "specification", "bounds", "sample"
BOUNDS_NOTE = "the two ends of what the panel cannot tell, against each other"

Row = dict[str, str | int | float]


def vary_decisions(
    households: pd.DataFrame,
    eligible_households: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    """Change one decision behind the segments at a time, and count the households that move.

    Args:
        households: One row per household of the panel.
        eligible_households: Those that form the segments.
        segmentation_candidates: One row per specification x k, with the choice.
        codebook: The panel's codebook.
        segmentation: The grid, what is varied, and the seed.

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
    specification, k = find_chosen(segmentation_candidates, codebook, segmentation)
    identifiers = households[codebook.identifier]
    eligible = np.flatnonzero(identifiers.isin(eligible_households[codebook.identifier]))
    varied = _Variations(households, eligible, specification, k, codebook, segmentation)
    return pd.DataFrame(list(varied.compare_all()))


def count_moved(first: Labels, second: Labels) -> tuple[int, float]:
    """Count the households that move between two solutions of as many segments.

    Returns:
        The number of households that move once the segments are matched by most shared households,
        and the adjusted Rand index.
    """
    k = int(max(first.max(), second.max())) + 1
    counts = cross_tabulate(first, second, k, k)
    return int((align(counts)[second] != first).sum()), adjusted_rand(counts)


def vary(specification: Specification, variation: Variation) -> Specification | None:
    """Apply a variation; None where there is nothing to vary or a score would keep no indicator."""
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
    varied = []
    for construct in specification.constructs:
        weight = variation.construct_weights.get(construct.name, construct.weight)
        new = construct.change_indicators(changed)
        varied.append(new.model_copy(update={"weight": weight}))
    if not all(score.indicators for construct in varied for score in construct.scores):
        return None
    return specification.model_copy(update={"constructs": tuple(varied)})


@dataclass(frozen=True, eq=False)
class _Variations:
    """The solution that is varied."""

    households: pd.DataFrame
    eligible: npt.NDArray[np.intp]  # rows of those that form the segments
    specification: Specification
    segments: int
    codebook: Codebook
    segmentation: SegmentationParameters

    def compare_all(self) -> Iterator[Row]:
        yield from self._vary_bounds()
        for variation in self.segmentation.sensitivity.variations:
            if changed := vary(self.specification, variation):
                yield self._compare(variation.name, SPECIFICATION, self._label(changed), "")
        yield self._vary_thin_records()
        yield self._split_halves()

    @cached_property
    def _base(self) -> Labels:
        return self._label(self.specification)

    @cached_property
    def _signs(self) -> pd.DataFrame:
        eligible = self.households.iloc[self.eligible]
        return derive_features(eligible, self.codebook, self.segmentation.naming.variables)

    def _label(
        self, specification: Specification, rows: npt.NDArray[np.intp] | None = None
    ) -> Labels:
        """Form segments on some rows (or the eligible ones) and label the eligible ones."""
        used = self.eligible if rows is None else rows
        values = derive_features(self.households, self.codebook, specification.variables)
        learnt = learn_scores(values.iloc[used], specification.scores)
        seed = seed_for(self.segmentation.random_state, Purpose.SOLUTION)
        # Random halves are many, and their own chance counts more than that of the starts.
        whole = len(used) >= len(self.eligible)
        method = specification.solution_method if whole else specification.method
        scores = learnt.compute(values.iloc[used])
        partition = find_partitions(scores, [self.segments], method, seed)[self.segments]
        return partition.assign(learnt.compute(values.iloc[self.eligible]))

    def _row(self, name: str, kind: str, moved: float, ari: float, note: str) -> Row:
        return {
            "variation": name,
            "kind": kind,
            "households": len(self.eligible),
            "households_moved": float(moved),
            "ari": ari,
            "sizes": "",
            "mismatch": "",
            "note": note,
        }

    def _compare(self, name: str, kind: str, other: Labels, note: str) -> Row:
        """Compare a varied solution with the chosen one, by household, size and signature."""
        naming = self.segmentation.naming
        numbering = naming.model_copy(update={"when_unmatched": "number"})
        names = name_segments(self._signs, self._base, numbering)
        k = self.segments
        aligned = align(cross_tabulate(self._base, other, k, k))[other]
        sizes = {names[number]: int((aligned == number).sum()) for number in range(k)}
        listed = ", ".join(f"{segment} {size}" for segment, size in sorted(sizes.items()))
        mismatch = find_mismatch(self._signs, other, naming)
        row = self._row(name, kind, *count_moved(self._base, other), note)
        return row | {"sizes": listed, "mismatch": mismatch}

    def _vary_bounds(self) -> Iterator[Row]:
        for variable in [indicator.variable for indicator in self.specification.indicators]:
            bounds = self.codebook.bounds_of(variable)
            if bounds[0] == bounds[1]:
                continue
            ends = []
            for bound in bounds:
                changed = vary(self.specification, Variation(name="", replace={variable: bound}))
                assert changed is not None  # noqa: S101 - the variable is one of its own
                ends.append(self._label(changed))
            note = f"in place of: {self.codebook[variable].label}"
            for bound, labels in zip(bounds, ends, strict=True):
                yield self._compare(self.codebook[bound].label, SPECIFICATION, labels, note)
            both = " against ".join(self.codebook[bound].title for bound in bounds)
            yield self._row(both, BOUNDS, *count_moved(*ends), BOUNDS_NOTE)

    def _vary_thin_records(self) -> Row:
        labels = self._label(self.specification, np.arange(len(self.households)))
        thin = len(self.households) - len(self.eligible)
        note = f"{thin} thin records help to form the segments; compared without them"
        return self._compare("With the thin records", SAMPLE, labels, note)

    def _split_halves(self) -> Row:
        """Each random half of the households forms segments of its own and labels all of them."""
        splits = self.segmentation.sensitivity.split_halves
        compared = []
        for split in range(splits):
            seed = seed_for(self.segmentation.random_state, Purpose.HALVES, split)
            order = np.random.default_rng(seed).permutation(self.eligible)
            halves = [self._label(self.specification, half) for half in np.array_split(order, 2)]
            compared.append(count_moved(*halves))
        moved, ari = np.array(compared, dtype=np.float64).T
        note = (
            f"each half forms segments by itself; median of {splits} splits, in nine of ten the "
            f"index reaches {np.quantile(ari, 0.1):.2f}"
        )
        middle = float(np.median(moved)), float(np.median(ari))
        return self._row("Two random halves", SAMPLE, *middle, note)
