"""What a guess is worth: gains of a campaign to one segment, and whom to write to first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from customer_segmentation.classification.audit import add_claims
from customer_segmentation.classification.metrics import keep_eligible, list_segments
from customer_segmentation.classification.models import probability_column
from customer_segmentation.classification.parameters import Campaign, ModellingParameters
from customer_segmentation.classification.reliability import draw_weights, find_interval
from customer_segmentation.classification.slices import (
    describe_value,
    include_segments,
    select_headline,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.partition import Purpose, seed_for

Floats = npt.NDArray[np.float64]

REASONS = 3  # most fields named as the reason of one household
NO_REASON = "no field speaks for this segment"
NOT_EXPLAINED = "not explained"
# Who might be contacted, sorted by household: the probabilities of the success segment, one column
# per repeat, and whether each belongs there.
_Prospects = tuple[Floats, npt.NDArray[np.bool_]]

BOUNDED = {  # figures with an interval, and how its ends are called
    "lift": "lift",
    "profit": "profit",
    "extra_profit": "extra",
    "over_everybody": "over_everybody",
}


def measure_gains(
    classifier_predictions: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Measure what mailing the likeliest households of a segment would bring.

    A hit is a mailed household whose reference segment is the success segment. Belonging to a
    segment is not responding to an offer: profit is a what-if, and nothing is said about uplift.
    Households are ranked within each repeat of nested cross-validation by the procedure's
    out-of-fold probability, and hits are averaged over the repeats. Intervals come from ranking
    anew within each resample of the households, the same resamples for all information sets.

    Args:
        classifier_predictions: One row per information set x model x protocol x repeat x household.
        circularity_audit: The claim of each information set.
        modelling: Success segment, cost, value and depths of the campaign; level and number of
            household resamples, and seed.

    Returns:
        One row per information set x depth: information_set, claim, segment, depth, mailed
        (letters, at least 1), hits (may be fractional), lift (share of hits among the mailed, by
        the base rate), lift_low, lift_high, lift_max (of a perfect ranking), base_rate (share of
        the segment), profit (in the campaign's currency), profit_low, profit_high, extra_profit
        (profit less that of as many letters to anybody), extra_low, extra_high, over_everybody
        (profit less that of a letter to every household), over_everybody_low, over_everybody_high;
        all over eligible households. Then mailed_with_thin, hits_with_thin and lift_with_thin: the
        same with thin records. Lifts are missing where no household belongs to the segment. Then
        currency, contact_cost and success_value, with which the profits were reckoned.

    References:
        Berry & Linoff (2004), Data mining techniques, on cumulative gains, lift and profit.
        Vickers & Elkin (2006), Decision curve analysis, on the comparison with treating everybody.
    """
    rows = select_headline(classifier_predictions)
    eligible = keep_eligible(rows)
    campaign, intervals = modelling.campaign, modelling.intervals
    seed = seed_for(modelling.random_state, Purpose.RESAMPLE)
    weights = draw_weights(eligible["household_id"].nunique(), intervals.resamples, seed)
    tables = {
        name: _tabulate_gains(
            _arrange(part, campaign.segment),
            _arrange(rows[rows["information_set"] == name], campaign.segment),
            campaign,
            weights,
            intervals.level,
        )
        for name, part in eligible.groupby("information_set", sort=False)
    }
    table = pd.concat(tables, names=["information_set", None]).reset_index(level=0)
    return add_claims(table.reset_index(drop=True), circularity_audit)


def _tabulate_gains(
    eligible: _Prospects, everyone: _Prospects, campaign: Campaign, weights: Floats, level: float
) -> pd.DataFrame:
    once, again = (
        _mail(each, campaign, np.ones((1, len(each[1])))) for each in (eligible, everyone)
    )
    draws = _mail(eligible, campaign, weights)
    columns: dict[str, Any] = {"segment": campaign.segment, "depth": campaign.depths}
    columns |= {name: once[name][0] for name in ("mailed", "hits")}
    for name, bound in BOUNDED.items():
        low, high = find_interval(draws[name], level)
        columns |= {name: once[name][0], f"{bound}_low": low, f"{bound}_high": high}
        if name == "lift":
            columns |= {each: once[each][0] for each in ("lift_max", "base_rate")}
    columns |= {f"{name}_with_thin": again[name][0] for name in ("mailed", "hits", "lift")}
    costs = campaign.model_dump(include={"currency", "contact_cost", "success_value"})
    return pd.DataFrame(columns | costs)


def _arrange(rows: pd.DataFrame, segment: str) -> _Prospects:
    table = rows.pivot_table(
        index=["household_id", "reference"], columns="repeat", values=probability_column(segment)
    )
    return table.to_numpy(), table.index.get_level_values("reference") == segment


def _mail(prospects: _Prospects, campaign: Campaign, weights: Floats) -> dict[str, Floats]:
    """What each depth (column) brings in each sample of the households (row)."""
    probabilities, success = prospects
    households = len(success)
    mailed = np.maximum(np.rint(np.array(campaign.depths) * households).astype(int), 1)
    hits = count_hits(probabilities, success, weights, mailed)
    base_rate = (weights @ success / households)[:, np.newaxis]
    with np.errstate(invalid="ignore", divide="ignore"):  # nobody of the segment was drawn
        lift = hits / mailed / base_rate
        lift_max = np.minimum(1 / base_rate, households / mailed)
    missed = (weights @ success)[:, np.newaxis] - hits
    cost, value = campaign.contact_cost, campaign.success_value
    return {
        "mailed": mailed[np.newaxis],
        "hits": hits,
        "lift": lift,
        "lift_max": lift_max,
        "base_rate": np.broadcast_to(base_rate, hits.shape),
        "profit": hits * value - mailed * cost,
        "extra_profit": (hits - mailed * base_rate) * value,
        "over_everybody": (households - mailed) * cost - missed * value,
    }


def count_hits(
    probabilities: Floats,
    success: npt.NDArray[np.bool_],
    weights: Floats,
    mailed: npt.NDArray[np.int64],
) -> Floats:
    """Count the successes among the likeliest households: samples x numbers of contacts.

    Households with the same probability share the contacts that are left for them in proportion, so
    that the count is what their random order gives on average. Each column of the probabilities has
    its own ranking; the count is their mean. A row of the weights is a sample of the households:
    how often each stands there, as many in all as there are.
    """
    # One interpolation for all samples: each has a stretch of the number line to itself.
    stretch = np.arange(len(weights))[:, np.newaxis] * (len(probabilities) + 1)
    counts = []
    for repeat in probabilities.T:
        order = np.argsort(-repeat)
        last = np.flatnonzero(np.diff(repeat[order], append=-1))  # of each run of equals
        contacts, hits = (
            np.pad(counted[:, order].cumsum(axis=1)[:, last], ((0, 0), (1, 0)))
            for counted in (weights, weights * success)
        )
        counts.append(np.interp(mailed + stretch, (contacts + stretch).ravel(), hits.ravel()))
    mean: Floats = np.mean(counts, axis=0)
    return mean


def list_targets(
    classifier_predictions: pd.DataFrame,
    shap_values: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """List whom to write to first, and why.

    Args:
        classifier_predictions: One row per information set x model x protocol x repeat x household.
        shap_values: One row per information set x model x segment x household x field, of one model
            per set.
        circularity_audit: The claim of each information set.
        codebook: Labels of fields and codes.
        modelling: Success segment and information set of the campaign; error rate of the sets.

    Returns:
        One row per household of the panel, the likeliest first: household_id, rank (from 1; of
        equals the lower household_id first), probability (of the success segment, mean over the
        repeats of nested cross-validation), prediction_set (segments whose conformity, a mean over
        the repeats, exceeds the error rate; never empty; the likeliest first), reason (up to three
        fields that speak most for the success segment, with their values; or that none does, or
        that nothing was explained), thin_record; then segment, information_set and claim (what a
        probability is evidence of), the same in every row, so that the list carries them wherever
        it goes.
    """
    campaign = modelling.campaign
    rows = select_headline(classifier_predictions)
    rows = rows[rows["information_set"] == campaign.information_set]
    means = rows.groupby("household_id").mean(numeric_only=True).reset_index()
    segments = list_segments(classifier_predictions)
    reasons = _find_reasons(shap_values, codebook, campaign)
    targets = pd.DataFrame(
        {
            "household_id": means["household_id"],
            "probability": means[probability_column(campaign.segment)],
            "prediction_set": _name_sets(means, segments, modelling.conformal.error_rate),
            "reason": [reasons.get(each, NOT_EXPLAINED) for each in means["household_id"]],
            "thin_record": means["thin_record"].astype(bool),
        }
    )
    targets = targets.sort_values(
        ["probability", "household_id"], ascending=[False, True], ignore_index=True
    )
    targets.insert(1, "rank", np.arange(1, len(targets) + 1))
    claims = circularity_audit.set_index("information_set")["claim"]
    return targets.assign(
        segment=campaign.segment,
        information_set=campaign.information_set,
        claim=claims.loc[[campaign.information_set]].iloc[0],
    )


def _name_sets(means: pd.DataFrame, segments: list[str], error_rate: float) -> list[str]:
    probabilities = means[[probability_column(each) for each in segments]].to_numpy()
    sets = include_segments(means, segments, error_rate)
    orders = np.argsort(-probabilities, axis=1, kind="stable")
    return [
        ", ".join(segments[each] for each in order if inside[each])
        for order, inside in zip(orders, sets, strict=True)
    ]


def _find_reasons(
    shap_values: pd.DataFrame, codebook: Codebook, campaign: Campaign
) -> dict[int, str]:
    rows = shap_values[
        (shap_values["information_set"] == campaign.information_set)
        & (shap_values["segment"] == campaign.segment)
    ]
    speaking = rows[rows["shap_value"] > 0].sort_values(
        "shap_value", ascending=False, kind="stable"
    )
    strongest = speaking.groupby("household_id").head(REASONS)
    named = dict.fromkeys(rows["household_id"], NO_REASON)
    for household, fields in strongest.groupby("household_id"):
        values = zip(fields["field"], fields["field_value"], strict=True)
        named[household] = "; ".join(
            f"{codebook[field].label}: {describe_value(codebook[field], value)}"
            for field, value in values
        )
    return named
