"""What the tables say about the classifiers, claim by claim.

Three words say what a classifier's figures are worth. *Assignment*: it sees what made the segments
and only copies a rule. *Overlap*: it sees other columns of the same purchase record. *Prediction*:
it sees no purchase at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from customer_segmentation.findings.wording import (
    counted,
    highest,
    listing,
    lower_first,
    lowest,
    percent_1,
    sample,
    two_decimals,
)
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.typing_tool.audit import Claim

CLAIMS = [claim.value for claim in Claim]
MAJORITY, PRIOR = "majority", "prior"
BASELINES = (MAJORITY, PRIOR)
CLEAR = 2  # standard errors


def order_by_claim(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by their claim, from assignment to prediction; else as they were."""
    order = table["claim"].map(CLAIMS.index)
    return table.assign(order=order).sort_values("order", kind="stable").drop(columns="order")


def compare_with_majority(metrics: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Put the most accurate model of each information set beside the majority baseline.

    Args:
        metrics: `classifier_metrics`; one row per information set, model and protocol.
        protocol: The protocol compared.

    Returns:
        One row per information set, by claim: information_set, claim, model, n, accuracy,
        balanced_accuracy, majority (accuracy of always naming the largest segment), skill (share of
        the log loss of the bare segment shares that the model saves) and verdict (better, unclear
        or no better). Better means by two standard errors of the accuracy.
    """
    table = metrics[metrics["protocol"] == protocol]
    by_set = table.set_index("information_set")
    majority = by_set.loc[by_set["model"] == MAJORITY, "accuracy"]
    prior = by_set.loc[by_set["model"] == PRIOR, "log_loss"]
    models = table[~table["model"].isin(BASELINES)]
    best = models.sort_values("accuracy", ascending=False, kind="stable")
    best = best.drop_duplicates("information_set")
    sets = best["information_set"]
    best = best.assign(majority=sets.map(majority), skill=1 - best["log_loss"] / sets.map(prior))
    best = best.assign(verdict=[_verdict(row) for _, row in best.iterrows()])
    columns = ["information_set", "claim", "model", "n", "accuracy", "balanced_accuracy"]
    return order_by_claim(best)[[*columns, "majority", "skill", "verdict"]].reset_index(drop=True)


def select_best(metrics: pd.DataFrame, compared: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Keep the rows of the most accurate model of each information set, by claim.

    Args:
        metrics: `segment_metrics`; one row per information set, model, protocol and segment.
        compared: What `compare_with_majority` returned.
        protocol: The protocol kept.

    Returns:
        The rows kept, with all columns.
    """
    best = compared[["information_set", "model"]]
    rows = metrics[metrics["protocol"] == protocol].merge(best, on=["information_set", "model"])
    return order_by_claim(rows)


def title_accuracy(compared: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Say which information sets beat always naming the largest segment.

    Args:
        compared: What `compare_with_majority` returned.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    base = f"always naming the largest segment ({percent_1(compared['majority'].max())})"
    size = sample(compared["n"].max())
    better = compared[compared["verdict"] == "better"]
    rest = compared[compared["verdict"] != "better"]
    if better.empty:
        return f"No information set clearly beats {base}: {_shown(rest, labels)}; {size}"
    if rest.empty:
        return f"Every information set beats {base}: {_shown(better, labels)}; {size}"
    return f"Clearly above {base}: {_shown(better, labels)}; not {_shown(rest, labels)}; {size}"


def explain_claim(row: pd.Series, labels: Mapping[str, str]) -> str:
    """Say what one information set reaches and what that is worth.

    Args:
        row: A row of `compare_with_majority`.
        labels: Names of information sets and models.

    Returns:
        One or two sentences.
    """
    against = {
        "better": "clearly better than",
        "unclear": "not clearly better than",
        "no better": "no better than",
    }[row["verdict"]]
    return (
        f"{labels.get(row['model'], row['model'])}, the most accurate model, is right for "
        f"{percent_1(row['accuracy'])} of {counted(row['n'], 'household')}: {against} the "
        f"{percent_1(row['majority'])} of always naming the largest segment."
        f"{_judge_skill(row['skill'])}"
    )


def judge_claims(compared: pd.DataFrame) -> str:
    """Say in one sentence what the model figures are worth together.

    Args:
        compared: What `compare_with_majority` returned.

    Returns:
        One sentence.
    """
    blind = compared[compared["claim"] == Claim.PREDICTION]
    informed = compared[compared["claim"] != Claim.PREDICTION]
    if blind.empty:
        return "No model was tried without purchase data, so nothing here is a prediction."
    if (blind["verdict"] == "better").any():
        return "Without any purchase, models beat always naming the largest segment."
    if (informed["verdict"] == "better").any():
        return (
            "High accuracy comes from seeing the purchases; without them, models do not clearly "
            "beat always naming the largest segment."
        )
    return "No model clearly beats always naming the largest segment."


def title_segment_metrics(metrics: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Say which segments the least informed classifier finds and which it misses.

    Args:
        metrics: `segment_metrics` of one protocol and one model per information set.
        labels: Names of information sets.

    Returns:
        One title, without the full stop.
    """
    weakest = order_by_claim(metrics)["information_set"].iloc[-1]
    rows = metrics[metrics["information_set"] == weakest].set_index("segment")
    recall, size = rows["recall"], sample(rows["support"].sum())
    name = labels.get(weakest, weakest)
    if percent_1(recall.max()) == percent_1(recall.min()):
        return f"{name}: finds {percent_1(recall.max())} of every segment's households; {size}"
    return (
        f"{name}: finds {percent_1(recall.max())} of {listing(highest(recall, percent_1))}, "
        f"but {percent_1(recall.min())} of {listing(lowest(recall, percent_1))}; {size}"
    )


def title_shap(
    importance: pd.DataFrame, households: int, codebook: Codebook, labels: Mapping[str, str]
) -> str:
    """Say which field moves the classifier of each information set most.

    Args:
        importance: `shap_importance`; one row per information set, segment and field.
        households: How many households the SHAP values were computed for.
        codebook: Names of fields.
        labels: Names of information sets.

    Returns:
        One title with n and unit, without the full stop.
    """
    strongest: dict[str, list[str]] = {}
    for name, part in importance.groupby("information_set", sort=False):
        sums = part.groupby("field")["mean_abs_shap"].sum()
        fields = listing(codebook[field].label for field in highest(sums, two_decimals))
        strongest.setdefault(lower_first(fields), []).append(labels.get(str(name), str(name)))
    parts = [f"{what} ({listing(map(lower_first, names))})" for what, names in strongest.items()]
    size = f"n = {counted(households, 'household')}"
    return f"Largest mean SHAP values, in log-odds: {'; '.join(parts)}; {size}"


def title_beeswarm(values: pd.DataFrame, codebook: Codebook, labels: Mapping[str, str]) -> str:
    """Say how far the strongest field of one information set moves a household.

    Args:
        values: `shap_values` of one information set.
        codebook: Names of fields.
        labels: Names of information sets.

    Returns:
        One title with n, without the full stop.
    """
    sizes = values["shap_value"].abs().groupby(values["field"]).mean()
    field = codebook[highest(sizes, two_decimals)[0]].title
    name = labels.get(values["information_set"].iloc[0], values["information_set"].iloc[0])
    size = sample(values["household_id"].nunique())
    return (
        f"{name}: {lower_first(field)} moves a household most, on average by "
        f"{two_decimals(sizes.max())} log-odds ({size})"
    )


def compare_with_published(reproduction: pd.DataFrame, published: float | None) -> str:
    """Say what the published protocol reaches when it is run again.

    Args:
        reproduction: `source_study_reproduction`; one row per model, protocol and cluster.
        published: The accuracy that the study reports; None when there is none.

    Returns:
        One or two sentences.
    """
    split = reproduction[reproduction["protocol"] == "single_split"]
    accuracy = split.drop_duplicates("model")["accuracy"]
    support = split[split["model"] == split["model"].iloc[0]]["support"]
    claimed = "" if published is None else f" (the study reports {percent_1(published)})"
    return (
        f"Run again, the published protocol is right for {_range(accuracy)} of "
        f"{counted(support.sum(), 'test household')}{claimed}; always naming its largest cluster "
        f"is right for {percent_1(support.max() / support.sum())}."
    )


def count_shared_fields(fields: Sequence[str], codebook: Codebook) -> str:
    """Say how many of a classifier's fields stand in the purchase record."""
    shared = [codebook[field].title for field in fields if codebook.is_from_purchases(field)]
    if not shared:
        return f"None of the {len(fields)} fields stands in the purchase record."
    return (
        f"{len(shared)} of the {len(fields)} fields stand in the purchase record that also made "
        f"the segments: {listing(shared)}. An accuracy reached with them mostly reads the "
        "purchases back; it is no forecast."
    )


def count_contained_scores(
    audit: pd.DataFrame, information_set: str, labels: Mapping[str, str]
) -> str:
    """Say how many of the scores that made the segments an information set contains whole."""
    rows = audit[audit["information_set"] == information_set]
    inside = [
        lower_first(labels.get(score, _plain(score)))
        for score in rows.loc[rows["contained"], "score"]
    ]
    what = f" ({listing(inside)})" if inside else ""
    return (
        f"Every input of {len(inside)} of the {len(rows)} scores that made the segments{what} is "
        f"among these fields, so the claim is {rows['claim'].iloc[0]}."
    )


def title_ladder(steps: pd.DataFrame) -> str:
    """Say what becomes of accuracy as knowledge of the purchases is taken away.

    Args:
        steps: One row per step: step, claim, accuracy and majority.

    Returns:
        One title, without the full stop.
    """
    first, last = steps.iloc[0], steps.iloc[-1]
    verb = "falls" if last["accuracy"] < first["accuracy"] else "does not fall"
    return (
        f"Accuracy {verb} from {percent_1(first['accuracy'])} ({first['claim']}) to "
        f"{percent_1(last['accuracy'])} ({last['claim']}); always naming the largest segment gives "
        f"{percent_1(last['majority'])}"
    )


def build_ladder(
    compared: pd.DataFrame,
    reproduction: pd.DataFrame,
    information_set: str | None,
    labels: Mapping[str, str],
) -> pd.DataFrame:
    """Line up the accuracies from full knowledge of the purchases to none.

    Args:
        compared: What `compare_with_majority` returned.
        reproduction: `source_study_reproduction`.
        information_set: The information set of the published study; None leaves the study out.
        labels: Names of information sets.

    Returns:
        One row per step: step (text), claim, accuracy, majority and n.
    """
    ours = compared.assign(step=[labels.get(name, name) for name in compared["information_set"]])
    columns = ["step", "claim", "accuracy", "majority", "n"]
    study = compared[compared["information_set"] == information_set]
    if study.empty:
        return ours[columns]
    split = reproduction[reproduction["protocol"] == "single_split"]
    best = split[split["accuracy"] == split["accuracy"].max()]
    best = best[best["model"] == best["model"].iloc[0]]
    step = {
        "step": "The published protocol, on the study's own segments",
        "claim": study["claim"].iloc[0],
        "accuracy": best["accuracy"].iloc[0],
        "majority": best["support"].max() / best["support"].sum(),
        "n": best["support"].sum(),
    }
    place = int(study.index[0])
    parts = [ours.loc[: place - 1, columns], pd.DataFrame([step]), ours.loc[place:, columns]]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _verdict(row: pd.Series) -> str:
    if (
        percent_1(row["accuracy"]) == percent_1(row["majority"])
        or row["accuracy"] < row["majority"]
    ):
        return "no better"
    error = np.sqrt(row["accuracy"] * (1 - row["accuracy"]) / row["n"])
    return "better" if row["accuracy"] - row["majority"] >= CLEAR * error else "unclear"


def _judge_skill(skill: float) -> str:
    if pd.isna(skill):
        return ""
    if skill <= 0 or percent_1(skill) == percent_1(0):
        return " Its probabilities fit no better than the bare segment shares."
    return f" Its probabilities save {percent_1(skill)} of the log loss of the bare segment shares."


def _shown(rows: pd.DataFrame, labels: Mapping[str, str]) -> str:
    return listing(
        f"{lower_first(labels.get(name, name))} ({percent_1(accuracy)})"
        for name, accuracy in zip(rows["information_set"], rows["accuracy"], strict=True)
    )


def _range(values: pd.Series) -> str:
    low, high = percent_1(values.min()), percent_1(values.max())
    return low if low == high else f"{low} to {high}"


def _plain(name: str) -> str:
    return name.replace("_", " ")
