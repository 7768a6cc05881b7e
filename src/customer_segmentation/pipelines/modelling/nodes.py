"""The steps of the modelling pipeline that are more than one call of `classification`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification import metrics
from customer_segmentation.classification.audit import (
    Claim,
    add_claims,
    list_answered,
)
from customer_segmentation.classification.folds import FINAL, ValidationError, refuse_too_few
from customer_segmentation.classification.models import TunedClassifier, probability_column
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.validation import take_values
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.scorer.bundle import build_bundle, collect_evidence, extract_champion
from customer_segmentation.scorer.routes import Champion
from customer_segmentation.scorer.scoring import add_examples
from customer_segmentation.scorer.storage import pack_bundle
from customer_segmentation.segments.segmenter import Segmenter

KEYS = ["information_set", "model", "protocol"]


def label_households(
    households: pd.DataFrame,
    household_features: pd.DataFrame,
    household_segments: pd.DataFrame,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Put everything known about a household beside its segment.

    Args:
        households: One row per household, every field.
        household_features: One row per household: derived variables and flags.
        household_segments: One row per household: household_id, segment.
        modelling: The campaign, whose segment must be one of these, and the folds.

    Returns:
        One row per household of the panel: fields, derived variables, flags, segment.

    Raises:
        ValidationError: The campaign's segment does not exist, or there are too few households for
            the folds.
    """
    segments = household_segments[["household_id", "segment"]]
    known = sorted(segments["segment"].unique())
    if modelling.campaign.segment not in known:
        raise ValidationError(
            f"modelling.campaign.segment is {modelling.campaign.segment!r}, but the segments are "
            f"{', '.join(known)}. Name one of these."
        )
    complete = households.merge(household_features, on="household_id", validate="one_to_one")
    labelled = complete.merge(segments, on="household_id", validate="one_to_one")
    # Everything is fitted on this table, so what cannot be divided is refused here.
    refuse_too_few(labelled.loc[~labelled["thin_record"], "segment"], modelling)
    return labelled


def measure_models(
    classifier_predictions: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    model_choices: pd.DataFrame,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Measure each model on each information set by each protocol.

    Args:
        classifier_predictions: As `classification.validation.join_predictions`.
        circularity_audit: As `classification.audit.audit_claims`.
        model_choices: As `classification.validation.choose_models`.
        modelling: Intervals and seed.

    Returns:
        One row per information_set x model x protocol: claim, the figures of
        `classification.metrics.measure_models`, and champion (whether the declared rule takes this
        model for this set when it may see all eligible households).
    """
    figures = metrics.measure_models(
        classifier_predictions, KEYS, modelling.intervals, modelling.random_state
    )
    final = model_choices[model_choices["protocol"] == FINAL]
    champions = set(zip(final["information_set"], final["model"], strict=True))
    pairs = zip(figures["information_set"], figures["model"], strict=True)
    figures["champion"] = [pair in champions for pair in pairs]
    return add_claims(figures, circularity_audit)


def measure_segments(
    classifier_predictions: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Measure the same segment by segment.

    Args:
        classifier_predictions: As `classification.validation.join_predictions`.
        circularity_audit: As `classification.audit.audit_claims`.
        modelling: Intervals and seed.

    Returns:
        One row per information_set x model x protocol x segment: claim, and the figures of
        `classification.metrics.measure_segments`.
    """
    figures = metrics.measure_segments(
        classifier_predictions, KEYS, modelling.intervals, modelling.random_state
    )
    return add_claims(figures, circularity_audit)


def compare_models(
    classifier_predictions: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Compare the models of each information set two by two.

    Args:
        classifier_predictions: As `classification.validation.join_predictions`.
        circularity_audit: As `classification.audit.audit_claims`.
        modelling: Level of the intervals.

    Returns:
        One row per information_set x pair of models: claim, and the figures of
        `classification.metrics.compare_models`.
    """
    pairs = metrics.compare_models(
        classifier_predictions, ["information_set", "protocol"], modelling.intervals.level
    )
    return add_claims(pairs, circularity_audit)


def predict_champions(
    champions: Mapping[str, TunedClassifier],
    labelled_households: pd.DataFrame,
    circularity_audit: pd.DataFrame,
    codebook: Codebook,
    modelling: ModellingParameters,
) -> pd.DataFrame:
    """Give every household the probabilities by which it would be scored.

    Args:
        champions: As `classification.validation.fit_champions`.
        labelled_households: As `label_households`.
        circularity_audit: As `classification.audit.audit_claims`.
        codebook: The panel's codebook.
        modelling: The information sets.

    Returns:
        One row per overlap or prediction set x household of the panel: information_set,
        household_id, predicted and a probability per segment. The champions have been fitted on
        most of these households, so this is no validation.
    """
    segments = sorted(labelled_households["segment"].unique())
    types = dict.fromkeys(map(probability_column, segments), "float64")
    text = {"information_set": "str", "household_id": "int64", "predicted": "str"}
    tables = [metrics.empty_table(text | types)]
    for name in list_answered(circularity_audit):
        values = take_values(labelled_households, modelling.information_set(name), codebook)
        table = labelled_households[["household_id"]].join(champions[name].tabulate(values))
        table.insert(0, "information_set", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def extract_champions(
    champions: Mapping[str, TunedClassifier],
    circularity_audit: pd.DataFrame,
    classifier_metrics: pd.DataFrame,
    conformal_summary: pd.DataFrame,
    modelling: ModellingParameters,
) -> list[Champion]:
    """Take from the champions all that is needed to score with them.

    Args:
        champions: As `classification.validation.fit_champions`.
        circularity_audit: As `classification.audit.audit_claims`.
        classifier_metrics: As `measure_models`.
        conformal_summary: As `classification.slices.summarise_coverage`.
        modelling: The error rate of the conformal sets.

    Returns:
        One per overlap or prediction set, in the order of the parameters, with what was measured.
    """
    claims = circularity_audit.groupby("information_set")["claim"].first()
    return [
        extract_champion(
            name,
            Claim(claims[name]),
            champions[name],
            modelling.conformal.error_rate,
            collect_evidence(name, classifier_metrics, conformal_summary),
        )
        for name in list_answered(circularity_audit)
    ]


def bundle_champions(
    stored_champions: list[Champion],
    segmenter: Segmenter,
    labelled_households: pd.DataFrame,
    codebook: Codebook,
) -> bytes:
    """Put together all that is needed to score a household.

    Args:
        stored_champions: As `extract_champions`.
        segmenter: The fitted segmenter.
        labelled_households: As `label_households`, for the typical household of each segment.
        codebook: The panel's codebook.

    Returns:
        The content of the bundle, as `scorer.storage.pack_bundle`.
    """
    bundle = build_bundle(codebook, segmenter, stored_champions)
    eligible = labelled_households[~labelled_households["thin_record"]]
    coded = restore_codes(eligible[[field.name for field in codebook.fields]], codebook)
    values = coded.to_numpy(dtype="float64").T
    return pack_bundle(add_examples(bundle, values, eligible["segment"].tolist()))
