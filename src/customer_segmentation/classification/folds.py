"""Who is tested when, and what each fold's own segmentation calls the households."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split

from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import derive_features
from customer_segmentation.panel.values import ReadableError
from customer_segmentation.segments.choice import find_chosen
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.partition import align, cross_tabulate
from customer_segmentation.segments.segmenter import form_segments

HOLD_OUT, NESTED_CV, FINAL = "holdout", "nested_cv", "final"
FOLD = ["protocol", "repeat", "fold"]
TESTED = ["household_id", "thin_record", "segment", "reference"]


class ValidationError(ReadableError):
    """Households that cannot be divided as the parameters ask."""


class Fold(NamedTuple):
    """One division of the households.

    Attributes:
        place: Its protocol, repeat and fold.
        labels: The segment of each training household, under its index in `labelled_households`.
        tested: One row per tested household, likewise: `TESTED`.
    """

    place: Mapping[Any, Any]
    labels: pd.Series
    tested: pd.DataFrame


def refuse_too_few(segments: pd.Series, modelling: ModellingParameters) -> None:
    """Refuse households that cannot be divided as the parameters ask, before anything is fitted.

    Args:
        segments: The segment of each eligible household.
        modelling: Folds, inner folds and hold-out share, and the folds of the audit.

    Raises:
        ValidationError: A segment has too few households for the folds within folds or for a
            household on either side of the hold-out, or there are fewer than folds of the audit.
    """
    validation = modelling.validation
    if len(segments) < modelling.audit.folds:
        raise ValidationError(
            f"modelling.audit.folds is {modelling.audit.folds}, but only {len(segments)} "
            "households may form segments. Lower it."
        )
    # A training fold keeps folds - 1 of folds parts, and is divided into inner folds itself.
    outer, inner, share = validation.folds, validation.inner_folds, validation.hold_out_share
    within = math.ceil(inner * outer / (outer - 1)) + 1
    needs = {
        "validation.folds": outer,
        "validation.inner_folds": within,
        "validation.hold_out_share": math.ceil(max(1 / share, (inner + 1) / (1 - share))),
    }
    sizes = segments.value_counts()
    key = max(needs, key=needs.__getitem__)
    if sizes.min() < needs[key]:
        raise ValidationError(
            f"Segment {sizes.idxmin()} has only {sizes.min()} of {len(segments)} households, but "
            f"modelling.{key} needs {needs[key]}. Change it, or form other segments."
        )


def assign_folds(labelled_households: pd.DataFrame, modelling: ModellingParameters) -> pd.DataFrame:
    """Decide once for all models which households are tested when.

    Households with thin records never train a model, but each is tested as often as the others.

    Args:
        labelled_households: One row per household with household_id, thin_record and segment.
        modelling: Hold-out share, folds, repeats and seed.

    Returns:
        One row per protocol x repeat x tested household: protocol, repeat, fold (both from 1),
        household_id. A fold is predicted from all eligible households that are not in it; the
        hold-out is a single fold, of its share of the eligible and of all thin households.
    """
    thin = labelled_households["thin_record"]
    eligible, others = labelled_households[~thin], labelled_households[thin]
    validation, seed = modelling.validation, modelling.random_state
    _, held_out = train_test_split(
        eligible,
        test_size=validation.hold_out_share,
        stratify=eligible["segment"],
        random_state=seed,
    )
    tables = [_name_fold(HOLD_OUT, 1, 1, pd.concat([held_out, others]))]
    splitter = RepeatedStratifiedKFold(
        n_splits=validation.folds, n_repeats=validation.repeats, random_state=seed
    )
    for turn, (_, tested) in enumerate(splitter.split(eligible, eligible["segment"])):
        repeat, fold = divmod(turn, validation.folds)
        dealt = others.iloc[(fold - repeat) % validation.folds :: validation.folds]
        rows = pd.concat([eligible.iloc[tested], dealt])
        tables.append(_name_fold(NESTED_CV, repeat + 1, fold + 1, rows))
    return pd.concat(tables, ignore_index=True)


def _name_fold(protocol: str, repeat: int, fold: int, tested: pd.DataFrame) -> pd.DataFrame:
    ids = tested["household_id"].sort_values(ignore_index=True)
    return pd.DataFrame({"protocol": protocol, "repeat": repeat, "fold": fold, "household_id": ids})


def segment_folds(
    labelled_households: pd.DataFrame,
    validation_folds: pd.DataFrame,
    segmentation_candidates: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
    modelling: ModellingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Form the segments anew in each training fold, and name them after their reference.

    Specification and number of segments are those of the chosen solution; everything that is learnt
    (caps, pooled rates, means, standard deviations, centres) is learnt from the training households
    of the fold. Its segments are matched one to one with the reference so that most training
    households keep their name.

    Args:
        labelled_households: One row per household of the panel: fields, derived variables,
            thin_record, segment (the reference).
        validation_folds: As `assign_folds`.
        segmentation_candidates: One row per specification x number of segments, with the choice.
        codebook: The panel's codebook.
        segmentation: The grid and the seed.
        modelling: The Jaccard coefficient below which a match is a misfit.

    Returns:
        One row per fold x household of the panel: protocol, repeat, fold, household_id, segment
        (by the fold's segmentation, under the reference's names), tested (whether the household is
        tested in this fold). And one row per fold x segment: protocol, repeat, fold, segment,
        jaccard (training households in both, out of those in either, in [0, 1]) and misfit (whether
        that is too little to call it the same segment).

    Raises:
        SegmentationError: A training fold cannot be segmented, or the choice is none of the grid.
    """
    specification, _ = find_chosen(segmentation_candidates, codebook, segmentation)
    names = np.unique(labelled_households["segment"].to_numpy(dtype=str))
    reference = np.searchsorted(names, labelled_households["segment"].to_numpy(dtype=str))
    eligible = ~labelled_households["thin_record"].to_numpy()
    ids = labelled_households["household_id"]
    values = derive_features(labelled_households, codebook, specification.variables)
    tables, matches = [], []
    for _, rows in validation_folds.groupby(FOLD, sort=False):
        place = rows[FOLD].iloc[0].to_dict()
        tested = ids.isin(rows["household_id"]).to_numpy()
        training = eligible & ~tested
        learnt, partition = form_segments(
            values[training], specification, len(names), segmentation.random_state
        )
        labels = partition.assign(learnt.compute(values))
        counts = cross_tabulate(reference[training], labels[training], len(names), len(names))
        matched = align(counts)
        labelled = place | {"household_id": ids, "segment": names[matched[labels]]}
        tables.append(pd.DataFrame(labelled | {"tested": tested}))
        counts = counts[:, np.argsort(matched)]
        both = counts.diagonal()
        either = np.maximum(counts.sum(axis=0) + counts.sum(axis=1) - both, 1)
        matches.append(pd.DataFrame(place | {"segment": names, "jaccard": both / either}))
    alignments = pd.concat(matches, ignore_index=True)
    alignments["misfit"] = alignments["jaccard"] < modelling.validation.matched_jaccard
    return pd.concat(tables, ignore_index=True), alignments


def list_folds(labelled_households: pd.DataFrame, fold_segments: pd.DataFrame) -> list[Fold]:
    """List the folds, and at the end, as `final`, all eligible households with nobody to test."""
    households = labelled_households[["household_id", "thin_record"]].assign(
        reference=labelled_households["segment"]
    )
    folds = []
    for _, rows in fold_segments.groupby(FOLD, sort=False):
        by_household = rows.set_index("household_id")[["segment", "tested"]]
        known = households.join(by_household, on="household_id")
        tested = known["tested"].astype(bool)
        labels = known.loc[~tested & ~known["thin_record"], "segment"]
        folds.append(Fold(rows[FOLD].iloc[0].to_dict(), labels, known.loc[tested, TESTED]))
    labels = labelled_households.loc[~labelled_households["thin_record"], "segment"]
    place = {"protocol": FINAL, "repeat": 1, "fold": 1}
    nobody = households.iloc[:0].assign(segment=labels.iloc[:0])[TESTED]
    return [*folds, Fold(place, labels, nobody)]
