"""The public tables: names, columns and ranges that other programs rely on.

The catalog names one of these schemas as the `validator` of each public table, so a table that
breaks its promise is refused before it is written. Columns beyond those named here are welcome.
Tables of all codebook fields promise the identifier; their other columns are the codebook's.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.pandas as pa

CLAIMS = ("assignment", "overlap", "prediction")


def _share(**options: Any) -> Any:
    return pa.Field(ge=0, le=1, **options)


def _index(**options: Any) -> Any:
    return pa.Field(ge=-1, le=1, **options)


class Table(pa.DataFrameModel):
    """What all public tables have in common: at least one row, types as promised."""

    class Config:
        """Other columns are welcome; types are checked, never changed."""

        strict = False
        coerce = False

    @pa.dataframe_check
    @classmethod
    def has_rows(cls, table: pd.DataFrame) -> bool:
        """An empty table is a fault of the pipeline, not a result."""
        return len(table) > 0


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


class SpecificationAgreement(Table):
    """One row per pair of specifications x number of segments k: the adjusted Rand index."""

    specification_a: str
    specification_b: str
    k: int = pa.Field(ge=2)
    ari: float = _index()

    @pa.dataframe_check
    @classmethod
    def has_rows(cls, table: pd.DataFrame) -> bool:  # noqa: ARG003
        """A grid of one specification has no pairs."""
        return True


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
    """One row per information set x segmentation score."""

    information_set: str
    score: str
    claim: str = pa.Field(isin=CLAIMS)


class _Evaluation(Table):
    information_set: str
    claim: str = pa.Field(isin=CLAIMS)
    model: str
    protocol: str = pa.Field(isin=("holdout", "repeated_cv", "nested_cv"))


class ClassifierMetrics(_Evaluation):
    """One row per information set x model x protocol; n counts households.

    Gain (accuracy less that of the majority) and skill (part of the prior's log loss saved) come
    with standard errors over households. All four are missing for the two baselines.
    """

    n: int = pa.Field(gt=0)
    accuracy: float = _share()
    balanced_accuracy: float = _share()
    precision_macro: float = _share()
    recall_macro: float = _share()
    f1_macro: float = _share()
    log_loss: float = pa.Field(ge=0)
    gain_over_majority: float = pa.Field(ge=-1, le=1, nullable=True)
    gain_se: float = pa.Field(ge=0, nullable=True)
    log_loss_skill: float = pa.Field(le=1, nullable=True)
    skill_se: float = pa.Field(ge=0, nullable=True)


class SegmentMetrics(_Evaluation):
    """One row per information set x model x protocol x segment; support counts households."""

    segment: str
    precision: float = _share()
    recall: float = _share()
    f1: float = _share()
    support: int = pa.Field(ge=0)


class ShapImportance(Table):
    """One row per information set x model x segment x field; rank 1 is the largest.

    The unit of SHAP values is the model's score before softmax, its margin.
    """

    information_set: str
    model: str
    segment: str
    field: str
    mean_abs_shap: float = pa.Field(ge=0)
    rank: int = pa.Field(ge=1)


class SourceStudyReproduction(Table):
    """One row per model x protocol x cluster of the published study."""

    model: str
    protocol: str = pa.Field(isin=("single_split", "repeated_cv"))
    segment: int
    accuracy: float = _share()
    precision: float = _share()
    recall: float = _share()
    support: int = pa.Field(ge=0)

    @pa.dataframe_check
    @classmethod
    def has_rows(cls, table: pd.DataFrame) -> bool:  # noqa: ARG003
        """Without rows it says that the parameters switch the reproduction off."""
        return True
