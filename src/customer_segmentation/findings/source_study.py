"""What the tables say about the published study: its claim, run again, and what it is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.source_study import REPEATED_CV, SINGLE_SPLIT
from customer_segmentation.findings.claims import CLAIMS, MEANINGS
from customer_segmentation.findings.wording import (
    Row,
    counted,
    inside,
    listing,
    lower_first,
    opening,
    percent,
    percent_1,
    sample,
    upper_first,
    with_interval,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.features import find_known

LADDER = ["step", "claim", "accuracy", "accuracy_low", "accuracy_high", "majority", "n"]


def summarise_models(reproduction: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Reduce the reproduction to one row per model.

    Args:
        reproduction: `source_study_reproduction`; one row per model, protocol and cluster.
        protocol: The protocol kept.

    Returns:
        One row per model: model, accuracy with bounds, precision_lowest (of its clusters), n
        (households) and majority (share of the largest cluster).
    """
    rows = reproduction[reproduction["protocol"] == protocol].groupby("model", sort=False)
    table = rows.agg(
        accuracy=("accuracy", "first"),
        accuracy_low=("accuracy_low", "first"),
        accuracy_high=("accuracy_high", "first"),
        precision_lowest=("precision", "min"),
        n=("support", "sum"),
        largest=("support", "max"),
    )
    return table.assign(majority=table["largest"] / table["n"]).reset_index()


def compare_with_published(
    reproduction: pd.DataFrame, model: str, published: float | None, labels: Mapping[str, str]
) -> str:
    """Say what the published protocol reaches when it is run again.

    Args:
        reproduction: `source_study_reproduction`; one row per model, protocol and cluster.
        model: The model that the study calls best.
        published: The accuracy that the study reports; None when there is none.
        labels: Names of models.

    Returns:
        One sentence.
    """
    split, often = (
        summarise_models(reproduction, protocol).set_index("model").loc[model].to_dict()
        for protocol in (SINGLE_SPLIT, REPEATED_CV)
    )
    claimed = "" if published is None else f" (the study reports {percent(published)})"
    return (
        f"Run again, {labels.get(model, model)} of the published protocol is right for "
        f"{with_interval(split, 'accuracy', percent_1)} of the {counted(split['n'], 'household')} "
        f"in its one test split{claimed}, and by repeated cross-validation for "
        f"{with_interval(often, 'accuracy', percent_1)} of {counted(often['n'], 'household')}; "
        f"always naming its largest cluster is right for {percent_1(often['majority'])} of these."
    )


def judge_study(
    variables: Collection[str], fields: Collection[str], claim: Claim, codebook: Codebook
) -> str:
    """Say how much of what made the study's own clusters its classifiers see.

    Args:
        variables: Variables or groups that the study clustered.
        fields: Variables or groups that its classifiers see.
        claim: What that makes of its accuracy.
        codebook: Names and provenance of variables.

    Returns:
        Two sentences.
    """
    clustered, known = codebook.expand(variables), find_known(fields, codebook)
    seen = [codebook[name].title for name in clustered if name in known]
    named = f": {listing(seen)}" if seen else ""
    worth = {
        Claim.ASSIGNMENT: "Its classifiers copy the rule that made its clusters.",
        Claim.OVERLAP: "Part of the answer is in the question, so its accuracy is no forecast.",
        Claim.PREDICTION: "Its classifiers see no purchase, so its accuracy is a forecast.",
    }[claim]
    return (
        f"The study's fields tell {len(seen)} of the {len(clustered)} variables that made its own "
        f"clusters{named}; the claim is {claim}. {worth}"
    )


def answer_strongest(importance: pd.DataFrame, claimed: Sequence[str], codebook: Codebook) -> str:
    """Quote which fields the study calls strongest, and answer whether they move its model most.

    Args:
        importance: `source_study_importance`; one row per field: share of the sum of mean absolute
            SHAP values, rank, and its smallest and largest over the folds.
        claimed: Fields or groups of fields that are said to be on top.
        codebook: Names and groups of fields.

    Returns:
        Three sentences; on top means that no other field has a larger share than the least of them,
        the columns of a group summed.
    """
    rows = importance.set_index("field")
    owners = {field: name for name in claimed for field in codebook.expand([name])}
    shares = rows["share"].groupby([owners.get(field, field) for field in rows.index]).sum()
    least = min(claimed, key=lambda name: shares.get(name, 0.0))
    larger = shares[shares > shares.get(least, 0.0)].drop(list(claimed), errors="ignore")
    told = listing(_tell_ranks(name, rows, codebook) for name in claimed)
    verdict = (
        "No other field has a larger share, so the claim holds."
        if larger.empty
        else f"The claim does not hold: {counted(len(larger), 'field')} besides "
        f"{'has' if len(larger) == 1 else 'have'} a larger share than "
        f"{_name_fields(least, codebook)}, first {_name_fields(str(larger.idxmax()), codebook)}."
    )
    named = listing(_name_fields(name, codebook) for name in claimed)
    noun = "predictor" if len(claimed) == 1 else "predictors"
    return (
        f"The study calls {named} the strongest {noun}. Of what moves its model "
        f"({len(rows)} fields), {told}. {verdict}"
    )


def compare_surrogates(
    metrics: pd.DataFrame,
    each: pd.DataFrame,
    precisions: Mapping[str, float],
    accuracy: float,
    labels: Mapping[str, str],
) -> list[str]:
    """Put the figures of a surrogate that sees the purchases beside the published ones.

    Args:
        metrics: `classifier_metrics` of one model and protocol, of information sets that hold the
            segmenter's inputs.
        each: `segment_metrics` of the same.
        precisions: The published precision of each segment.
        accuracy: The published accuracy.
        labels: Names of information sets and models.

    Returns:
        One sentence per information set; a segment without a published precision is told alone.
        None where a published segment is not among ours.
    """
    if not set(precisions) <= set(each["segment"]):
        return []
    told = []
    for row in metrics.to_dict("records"):
        own = each[each["information_set"] == row["information_set"]].to_dict("records")
        name, model = opening(row["information_set"], labels), inside(row["model"], labels)
        told.append(
            f"{name}, {model} against the published claim: accuracy "
            f"{with_interval(row, 'accuracy', percent_1)} against {percent(accuracy)}; precision "
            f"{listing(_tell_precision(part, precisions) for part in own)}. The study’s segments, "
            "households and fields are others: the figures can be compared in size, not in skill."
        )
    return told


def build_ladder(
    headline: pd.DataFrame, segmenter: Mapping[str, float], study: pd.DataFrame
) -> pd.DataFrame:
    """Line up the accuracies from full knowledge of the purchases to none.

    Args:
        headline: What `claims.find_headline` returned, with the column step: what is seen.
        segmenter: What `claims.find_segmenter` returned.
        study: One row of the study on its own clusters, in the columns of the result; or none.

    Returns:
        One row per step, by claim and falling accuracy: step (text), claim, accuracy, accuracy_low,
        accuracy_high, majority, n and published, False.
    """
    exact = headline[headline["information_set"].isin(segmenter)]
    right = exact["information_set"].map(segmenter)
    exact = exact.assign(step="The segmenter itself", accuracy=right)
    exact = exact.assign(accuracy_low=right, accuracy_high=right).head(1)
    steps = pd.concat([part[LADDER] for part in (exact, study, headline) if len(part)])
    order = steps["claim"].map(CLAIMS.index)
    ordered = steps.assign(order=order).sort_values(["order", "accuracy"], ascending=[True, False])
    return ordered[LADDER].reset_index(drop=True).assign(published=False)


def explain_numbers(steps: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Put the accuracies, ours and the published ones, beside what each of them means.

    Args:
        steps: What `build_ladder` returned.
        published: Published figures in the same columns, without intervals and n; or none.

    Returns:
        The rows of both, as `build_ladder` sorts them, each published figure after the steps of its
        claim, with the columns published and meaning.
    """
    parts = [steps, published.assign(published=True)]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    order = rows["claim"].map(CLAIMS.index)
    rows = rows.assign(order=order, meaning=rows["claim"].map(MEANINGS))
    ordered = rows.sort_values("order", kind="stable").reset_index(drop=True)
    return ordered.drop(columns="order")


def explain_steps(*, segmenter: bool, study_model: str, protocol: str) -> str:
    """Say where the accuracies of the ladder come from.

    Args:
        segmenter: Whether the segmenter itself is a step.
        study_model: Name of the study's model; empty if the study is no step.
        protocol: Name of the protocol of all other steps.

    Returns:
        One sentence.
    """
    told = ["the segmenter answers itself by definition"] if segmenter else []
    if study_model:
        told.append(f"the study’s step is {study_model} by repeated cross-validation")
    others = "all other steps are" if told else "every step is"
    return f"{upper_first('; '.join([*told, f'{others} the whole procedure by {protocol}']))}."


def title_ladder(steps: pd.DataFrame) -> str:
    """Say what becomes of accuracy as knowledge of the purchases is taken away.

    Args:
        steps: What `build_ladder` returned.

    Returns:
        One title with n, without the full stop.
    """
    low, high = steps["n"].min(), steps["n"].max()
    size = (
        sample(high) if low == high else f"n\u00a0=\u00a0{low:,}\u00a0to\u00a0{high:,} households"
    )
    majority = percent_1(steps["majority"].iloc[-1])
    return f"{_tell_steps(steps)}; always naming the largest segment gives {majority}; {size}"


def _tell_steps(steps: pd.DataFrame) -> str:
    first, last = steps.iloc[0], steps.iloc[-1]
    ends = percent_1(first["accuracy"]), percent_1(last["accuracy"])
    if len(steps) == 1:
        return f"{upper_first(first['step'])}: accuracy {ends[0]} ({first['claim']})"
    if first["claim"] == last["claim"]:  # sorted by accuracy alone
        named = lower_first(first["step"]), lower_first(last["step"])
        return (
            f"Accuracy from {ends[0]} ({named[0]}) to {ends[1]} ({named[1]}), all {last['claim']}"
        )
    verb = (
        "falls" if ends[0] != ends[1] and last["accuracy"] < first["accuracy"] else "does not fall"
    )
    return f"Accuracy {verb} from {ends[0]} ({first['claim']}) to {ends[1]} ({last['claim']})"


def _tell_ranks(name: str, rows: pd.DataFrame, codebook: Codebook) -> str:
    own = rows[rows.index.isin(codebook.expand([name]))]
    if own.empty:
        return f"{_name_fields(name, codebook)} is not among them"
    ranks = listing(
        f"{row['rank']:.0f} ({row['rank_low']:.0f} to {row['rank_high']:.0f} over the folds)"
        for row in own.sort_values("rank").to_dict("records")
    )
    noun, share = "rank" if len(own) == 1 else "ranks", percent(own["share"].sum())
    return f"{_name_fields(name, codebook)} has {noun} {ranks} and {share} of the sum"


def _name_fields(name: str, codebook: Codebook) -> str:
    known = codebook[name] if name in codebook else codebook.group(name)
    return lower_first(known.label)


def _tell_precision(row: Row, precisions: Mapping[str, float]) -> str:
    published = precisions.get(row["segment"])
    against = "" if published is None else f" against {percent(published)}"
    return f"{row['segment']} {with_interval(row, 'precision', percent_1)}{against}"
