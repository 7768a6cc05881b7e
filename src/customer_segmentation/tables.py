"""The public tables: names, columns and ranges that other programs rely on.

The catalog names one of these schemas as the `validator` of each public table, so a table that
breaks its promise is refused before it is written. Columns beyond those named here are welcome.
Tables of all codebook fields promise the identifier; their other columns are the codebook's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

CLAIMS = ("assignment", "overlap", "prediction")


def _share(**options: Any) -> Any:
    return pa.Field(ge=0, le=1, **options)


def _index(**options: Any) -> Any:
    return pa.Field(ge=-1, le=1, **options)


class Table(pa.DataFrameModel):
    """What all public tables have in common: at least one row, types that are checked.

    As ever with pandera, other columns are welcome and no type is changed.
    """

    @pa.dataframe_check
    @classmethod
    def has_rows(cls, table: pd.DataFrame) -> bool:
        """An empty table is a fault of the pipeline, not a result."""
        return len(table) > 0


class PerhapsEmpty(Table):
    """A table that may say by having no rows that there is nothing of its kind."""

    @pa.dataframe_check
    @classmethod
    def has_rows(cls, table: pd.DataFrame) -> bool:  # noqa: ARG003 - the form of the check
        """No rows are a result here."""
        return True


class Households(Table):
    """One row per household; then every codebook field, or every derived variable and flag."""

    household_id: int = pa.Field(unique=True)


class DataQuality(Table):
    """One row per check: where it looked, how many of the rows it found, and what that means."""

    check: str
    column: str
    rows: int = pa.Field(ge=0)
    share: float = _share()
    note: str


class HouseholdSegments(Table):
    """One row per household of the panel: its segment, whether its record is thin, how sure it is.

    Agreement is the share of the bootstrap solutions that give the household the same segment.
    """

    household_id: int = pa.Field(unique=True)
    segment: str
    thin_record: bool
    agreement: float = _share()
    second_segment: str


class SegmentProfiles(Table):
    """One row per segment x variable, over the households that formed the segments."""

    segment: str
    variable: str
    mean: float
    mean_low: float = pa.Field(nullable=True)
    mean_high: float = pa.Field(nullable=True)
    total_mean: float
    index_to_total: float = pa.Field(nullable=True)


class SegmentationCandidates(Table):
    """One row per specification x number of segments k; nulls stand for the finalists only."""

    specification: str
    variables: str
    algorithm: str
    k: int = pa.Field(ge=2)
    silhouette: float = pa.Field(ge=-1, le=1)
    calinski_harabasz: float = pa.Field(ge=0)
    davies_bouldin: float = pa.Field(ge=0)
    gap: float
    gap_se: float = pa.Field(ge=0)
    global_ari_median: float = _index()
    global_ari_q10: float = _index()
    pipeline_ari_median: float = _index()
    pipeline_ari_q10: float = _index()
    ari_mc_error: float = pa.Field(ge=0)
    null_permuted_ari: float = _index(nullable=True)
    null_copula_ari: float = _index(nullable=True)
    smallest_share: float = _share()
    slsw_min_median: float = _share()
    admissible: bool
    chosen: bool

    @pa.dataframe_check
    @classmethod
    def one_is_chosen(cls, table: pd.DataFrame) -> bool:
        """Exactly one solution forms the segments."""
        return int(table["chosen"].sum()) == 1


class SpecificationAgreement(PerhapsEmpty):
    """One row per pair of specifications x number of segments k: the adjusted Rand index."""

    specification_a: str
    specification_b: str
    k: int = pa.Field(ge=2)
    ari: float = _index()


class SegmentSensitivity(Table):
    """One row per changed decision: how many households move, and the adjusted Rand index."""

    variation: str = pa.Field(unique=True)
    households_moved: float = pa.Field(ge=0)
    ari: float = _index()


class SegmentStability(Table):
    """One row per segment: its size with interval, range over mixes, and its stability."""

    segment: str = pa.Field(unique=True)
    size: int = pa.Field(gt=0)
    share: float = _share()
    share_low: float = _share()
    share_high: float = _share()
    weighted_share: float = _share(nullable=True)
    mix_low: float = _share()
    mix_high: float = _share()
    slsw_median: float = _share()
    slsw_q10: float = _share()


class SegmentDescriptors(Table):
    """One row per demographic descriptor x subset of households; tests in one family only."""

    descriptor: str
    subset: str
    measure: str
    effect: float = _share()
    effect_low: float = _share()
    effect_high: float = _share()
    p_value: float = _share(nullable=True)
    p_holm: float = _share(nullable=True)


class CircularityAudit(Table):
    """One row per information set x segmentation score: what the set tells of it, and its claim.

    R2 is out of fold, from the set's columns, and below 0 where they mislead; from its purchase
    columns alone it is missing where there are none.
    """

    information_set: str
    score: str
    contained: bool
    r2: float = pa.Field(le=1)
    r2_low: float = pa.Field(le=1)
    r2_high: float = pa.Field(le=1)
    r2_purchases_low: float = pa.Field(le=1, nullable=True)
    claim: str = pa.Field(isin=CLAIMS)


class _Claimed(Table):
    information_set: str
    claim: str = pa.Field(isin=CLAIMS)


class _Evaluation(_Claimed):
    model: str
    protocol: str = pa.Field(isin=("holdout", "nested_cv"))


class ClassifierMetrics(_Evaluation):
    """One row per information set x model x protocol; n counts eligible households.

    Gain (accuracy less that of the majority) and skill (part of the prior's log loss saved) are
    missing for the two baselines they refer to. The slope of the calibration is missing where
    probabilities are certain or all the same.
    """

    n: int = pa.Field(gt=0)
    accuracy: float = _share()
    accuracy_low: float = _share()
    accuracy_high: float = _share()
    balanced_accuracy: float = _share()
    precision_macro: float = _share()
    recall_macro: float = _share()
    f1_macro: float = _share()
    log_loss: float = pa.Field(ge=0)
    log_loss_skill: float = pa.Field(le=1, nullable=True)
    brier: float = pa.Field(ge=0, le=2)
    auc_macro: float = _share(nullable=True)
    calibration_slope: float = pa.Field(nullable=True)
    calibration_error: float = _share()
    gain_over_majority: float = _index(nullable=True)
    accuracy_reference: float = _share()
    log_loss_reference: float = pa.Field(ge=0)
    champion: bool


class SegmentMetrics(_Evaluation):
    """One row per information set x model x protocol x segment.

    Support counts households; it is no whole number where folds differ in what they call one.
    """

    segment: str
    precision: float = _share()
    precision_low: float = _share(nullable=True)
    precision_high: float = _share(nullable=True)
    recall: float = _share(nullable=True)
    f1: float = _share(nullable=True)
    support: float = pa.Field(ge=0)


class ModelComparisons(_Claimed):
    """One row per information set x pair of models: differences of log loss and accuracy."""

    model_a: str
    model_b: str
    log_loss_difference: float
    log_loss_low: float = pa.Field(nullable=True)
    log_loss_high: float = pa.Field(nullable=True)
    accuracy_difference: float = _index()
    accuracy_low: float = pa.Field(nullable=True)
    accuracy_high: float = pa.Field(nullable=True)


class PermutationTests(PerhapsEmpty):
    """One row per prediction set: the log loss, and how often chance does as well."""

    information_set: str
    log_loss: float = pa.Field(ge=0)
    permutations: int = pa.Field(ge=1)
    p_value: float = pa.Field(gt=0, le=1)
    p_holm: float = pa.Field(gt=0, le=1)


class ShapImportance(PerhapsEmpty):
    """One row per information set x segment x field; rank 1 is the largest.

    The model is the champion of the set. The unit of SHAP values is the log of a segment's
    calibrated probability, less its mean over the segments.
    """

    information_set: str
    model: str
    segment: str
    field: str
    mean_abs_shap: float = pa.Field(ge=0)
    rank: int = pa.Field(ge=1)
    rank_stability: float = _share()


class GoldenQuestions(_Claimed, PerhapsEmpty):
    """One row per overlap or prediction set x number of fields."""

    n_fields: int = pa.Field(ge=0)
    fields: str
    accuracy: float = _share()
    log_loss: float = pa.Field(ge=0)
    log_loss_se: float = pa.Field(ge=0)
    inclusion: float = _share(nullable=True)
    recommended: bool


class ConformalSummary(_Claimed, PerhapsEmpty):
    """One row per overlap or prediction set x group of households."""

    group: str
    n: int = pa.Field(ge=0)
    coverage: float = _share()
    coverage_low: float = _share()
    coverage_high: float = _share()
    mean_set_size: float = pa.Field(ge=1)
    singletons: float = _share()


class CampaignGains(_Claimed):
    """One row per information set x share of the households mailed."""

    depth: float = pa.Field(gt=0, le=1)
    mailed: int = pa.Field(ge=1)
    hits: float = pa.Field(ge=0)
    lift: float = pa.Field(ge=0)
    lift_low: float = pa.Field(ge=0, nullable=True)
    lift_high: float = pa.Field(ge=0, nullable=True)
    lift_max: float = pa.Field(ge=1)
    profit: float


class TargetingList(Table):
    """One row per household of the panel, the most promising first."""

    household_id: int = pa.Field(unique=True)
    rank: int = pa.Field(ge=1, unique=True)
    probability: float = _share()
    prediction_set: str
    reason: str


class FairnessSlices(_Claimed):
    """One row per information set x slice: its accuracy less that of all others."""

    slice: str
    n: int = pa.Field(ge=1)
    accuracy: float = _share()
    difference: float = _index(nullable=True)
    difference_low: float = pa.Field(nullable=True)
    difference_high: float = pa.Field(nullable=True)


class HouseholdScores(_Claimed):
    """One row per household of a file: its segment, who says so, and a probability per segment.

    Whether the record is thin is missing where the number of transactions is not known.
    """

    household_id: int = pa.Field(unique=True)
    segment: str
    thin_record: pd.BooleanDtype = pa.Field(nullable=True)

    @pa.dataframe_check
    @classmethod
    def probabilities_sum_to_one(cls, table: pd.DataFrame) -> bool:
        """The columns p_... of a household are the chances of all segments."""
        chances = table.filter(regex="^p_").to_numpy()
        within = (chances >= 0) & (chances <= 1)
        return bool(within.all() and np.allclose(chances.sum(axis=1), 1, rtol=0, atol=1e-9))


class SourceStudyReproduction(PerhapsEmpty):
    """One row per model x protocol x cluster of the published study."""

    model: str
    protocol: str = pa.Field(isin=("single_split", "repeated_cv"))
    segment: int
    accuracy: float = _share()
    precision: float = _share()
    recall: float = _share()
    support: int = pa.Field(ge=0)
