"""The circularity audit: what a classifier may claim, decided by provenance and by computation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from customer_segmentation.classification.encoding import FieldEncoder
from customer_segmentation.classification.parameters import (
    Audit,
    InformationSet,
    ModellingParameters,
)
from customer_segmentation.classification.reliability import draw_weights, find_interval
from customer_segmentation.classification.validation import take_values
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import find_known
from customer_segmentation.segments.partition import Purpose, child_of, seed_for
from customer_segmentation.segments.segmenter import Segmenter

Floats = npt.NDArray[np.float64]

PENALTY = 10.0  # of the ridge regression, on standardised columns
TREES = {"n_estimators": 100, "max_depth": 3, "learning_rate": 0.1, "max_bin": 64}


class Claim(StrEnum):
    """What an accuracy on an information set is evidence of.

    Attributes:
        ASSIGNMENT: The set tells everything that formed the segments; a classifier copies a known
            rule.
        OVERLAP: The set tells some, not all, of what formed the segments, or holds other columns of
            the purchase record.
        PREDICTION: The set shares nothing with what formed the segments, nor with that record.
    """

    ASSIGNMENT = "assignment"
    OVERLAP = "overlap"
    PREDICTION = "prediction"


class Rebuilt(NamedTuple):
    """The share of each score's variance that is rebuilt out of fold, with its interval."""

    r2: Floats
    low: Floats
    high: Floats


def audit_claims(
    labelled_households: pd.DataFrame,
    segment_scores: pd.DataFrame,
    segmenter: Segmenter,
    modelling: ModellingParameters,
    codebook: Codebook,
) -> pd.DataFrame:
    """Find what each information set tells about the segmentation scores, and what it may claim.

    By provenance a score is contained when each of its variables stands in the set or follows from
    it by the formulas, identities and totals of the codebook (`panel.features.find_known`). By
    computation it is told as far as `rebuild_scores` goes. Both decide, see `judge_claim`.

    Args:
        labelled_households: One row per household: the fields behind the sets, thin_record.
        segment_scores: One row per household: household_id, one column per score.
        segmenter: The fitted segmenter; its scores name the codebook variables they come from.
        modelling: Information sets, thresholds, folds, intervals, seed and processes.
        codebook: The provenance and the scale of every variable.

    Returns:
        One row per information set x score: information_set, score, contained (bool), r2, r2_low,
        r2_high (on eligible households, from all columns of the set), r2_purchases_low (lower end
        of the interval from the purchase-derived columns alone; missing where the set has none),
        claim (str, the same in all rows of a set).
    """
    eligible = labelled_households[~labelled_households["thin_record"]]
    score_variables = segmenter.score_variables
    by_household = segment_scores.set_index("household_id")
    scores = by_household.loc[eligible["household_id"], list(score_variables)].to_numpy()
    tables: list[pd.DataFrame] = Parallel(n_jobs=modelling.processes)(
        delayed(_audit_set)(each, values, scores, score_variables, modelling, codebook)
        for each in modelling.information_sets
        for values in [take_values(eligible, each, codebook)]
    )
    return pd.concat(tables, ignore_index=True)


def rebuild_scores(
    values: pd.DataFrame, scores: Floats, modelling: ModellingParameters, codebook: Codebook
) -> Rebuilt:
    """Measure how well scores can be rebuilt from columns, whatever is declared about them.

    Each score is predicted out of fold by a ridge regression, which finds sums, and by boosted
    trees, which find steps, products and any monotone disguise; the better one counts. That choice
    flatters the columns a little: in doubt a set is taken to contain more. The intervals resample
    the households with their errors; the regressions are not fitted again, so that they leave out
    how the fits themselves vary.

    Kaufman et al. (2012), Leakage in data mining: formulation, detection, and avoidance.
    """
    seed = seed_for(modelling.random_state, Purpose.AUDIT)
    errors = _find_errors(values, scores, modelling, codebook, child_of(seed, 0))
    draws = draw_weights(len(scores), modelling.intervals.resamples, child_of(seed, 1))
    low, high = find_interval(_explain(scores, errors, draws), modelling.intervals.level)
    return Rebuilt(_explain(scores, errors, np.ones((1, len(scores))))[0], low, high)


def judge_claim(
    by_provenance: Claim,
    contained: Sequence[bool],
    r2: Floats,
    r2_purchases_low: Floats,
    audit: Audit,
) -> Claim:
    """Decide from provenance and computation what predicting segments is evidence of.

    Assignment if every score is known: contained, or with an R2 of at least `rebuilt_from`. Else
    overlap if provenance says so, if any score is known, wherever its columns are said to come
    from, or if an R2 from purchases (missing where there are none) lies above `overlap_from` with
    its whole interval. Else prediction. So a computed figure can only make the claim humbler.
    """
    known = np.array(contained) | (r2 >= audit.rebuilt_from)
    if known.all():
        return Claim.ASSIGNMENT
    partly = known | (r2_purchases_low > audit.overlap_from)
    if by_provenance is Claim.OVERLAP or partly.any():
        return Claim.OVERLAP
    return Claim.PREDICTION


def claim_between(variables: Collection[str], fields: Collection[str], codebook: Codebook) -> Claim:
    """Decide what predicting segments formed by some variables from some fields is evidence of.

    Assignment if the fields determine all the variables; else overlap if what they determine shares
    a source with a variable, or any of it comes from the purchase record; else prediction.
    """
    formed, known = codebook.expand(variables), find_known(fields, codebook)
    if known.issuperset(formed):
        return Claim.ASSIGNMENT
    sources, known_sources = (
        set().union(*map(codebook.sources_of, names)) for names in (formed, known)
    )
    if sources & known_sources or any(codebook.is_from_purchases(name) for name in known):
        return Claim.OVERLAP
    return Claim.PREDICTION


def sets_claiming(circularity_audit: pd.DataFrame, *claims: Claim) -> list[str]:
    """List the information sets with one of these claims, in the order of the audit."""
    claiming = circularity_audit.loc[circularity_audit["claim"].isin(claims), "information_set"]
    return [str(name) for name in claiming.unique()]


def list_answered(circularity_audit: pd.DataFrame) -> list[str]:
    """List the information sets in which a model answers, because the segmenter cannot."""
    return sets_claiming(circularity_audit, Claim.OVERLAP, Claim.PREDICTION)


def add_claims(table: pd.DataFrame, audit: pd.DataFrame) -> pd.DataFrame:
    """Copy a table with the claim of its information set in every row, as the second column."""
    claims = audit.groupby("information_set")["claim"].first()
    marked = table.copy()
    marked.insert(1, "claim", marked["information_set"].map(claims))
    return marked


def _audit_set(
    information_set: InformationSet,
    values: pd.DataFrame,
    scores: Floats,
    score_variables: Mapping[str, Sequence[str]],
    modelling: ModellingParameters,
    codebook: Codebook,
) -> pd.DataFrame:
    known = find_known(information_set.fields, codebook)
    contained = [known.issuperset(names) for names in score_variables.values()]
    formed = {name for names in score_variables.values() for name in names}
    bought = [name for name in values.columns if codebook.is_from_purchases(name)]
    rebuilt = rebuild_scores(values, scores, modelling, codebook)
    bought_low = np.full(len(contained), np.nan)
    if bought:
        bought_low = rebuild_scores(values[bought], scores, modelling, codebook).low
    by_provenance = claim_between(formed, information_set.fields, codebook)
    claim = judge_claim(by_provenance, contained, rebuilt.r2, bought_low, modelling.audit)
    return pd.DataFrame(
        {
            "information_set": information_set.name,
            "score": list(score_variables),
            "contained": contained,
            "r2": rebuilt.r2,
            "r2_low": rebuilt.low,
            "r2_high": rebuilt.high,
            "r2_purchases_low": bought_low,
            "claim": claim.value,
        }
    )


def _find_errors(
    values: pd.DataFrame,
    scores: Floats,
    modelling: ModellingParameters,
    codebook: Codebook,
    seed: np.random.SeedSequence,
) -> Floats:
    """Squared errors of the better regression of each score: households x scores."""
    from xgboost import XGBRegressor

    folds = KFold(modelling.audit.folds, shuffle=True, random_state=int(seed.generate_state(1)[0]))
    regressions = (Ridge(PENALTY), XGBRegressor(**TREES, n_jobs=1))
    predicted = np.empty((len(regressions), *scores.shape))
    for training, tested in folds.split(scores):
        for number, regression in enumerate(regressions):
            linear = isinstance(regression, Ridge)
            encoder = FieldEncoder(codebook, list(values.columns), linear=linear)
            encoded = encoder.fit_transform(values.iloc[training])
            fitted = clone(regression).fit(encoded, scores[training])
            unseen = fitted.predict(encoder.transform(values.iloc[tested]))
            predicted[number, tested] = unseen.reshape(len(tested), -1)
    errors = (scores - predicted) ** 2
    better = errors.mean(axis=1).argmin(axis=0)
    return errors[better, :, np.arange(scores.shape[1])].T


def _explain(scores: Floats, errors: Floats, weights: Floats) -> Floats:
    """R2 of each score (column) in each resample of the households (row)."""
    means = weights @ scores / len(scores)
    spread = weights @ scores**2 - len(scores) * means**2
    r2: Floats = 1 - weights @ errors / spread
    return r2
