"""What the tables say about the classifiers, claim by claim.

Three words say what a classifier's figures are worth. *Assignment*: it sees all that made the
segments and only copies a rule. *Overlap*: it sees some of it, or other columns of that record.
*Prediction*: it sees no purchase at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

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
from customer_segmentation.panel.provenance import find_known
from customer_segmentation.typing_tool.audit import Claim
from customer_segmentation.typing_tool.source_study import SINGLE_SPLIT
from customer_segmentation.typing_tool.validation import REPEATED_CV

CLAIMS = [claim.value for claim in Claim]
MAJORITY, PRIOR = "majority", "prior"
BASELINES = (MAJORITY, PRIOR)
CLEAR = 2  # standard errors
COMPARED = [
    "information_set",
    "claim",
    "model",
    "n",
    "accuracy",
    "balanced_accuracy",
    "gain_over_majority",
    "gain_se",
    "lowest",
    "models",
    "majority",
    "verdict",
]


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
        balanced_accuracy, gain_over_majority, gain_se, lowest (accuracy of the least accurate
        model), models (how many), majority (accuracy of always naming the largest segment) and
        verdict (better, unclear or no better). Better means that the gain of the most accurate
        model, paired by household, exceeds two of its standard errors.
    """
    table = metrics[metrics["protocol"] == protocol]
    by_set = table.set_index("information_set")
    majority = by_set.loc[by_set["model"] == MAJORITY, "accuracy"]
    models = _without_baselines(table)
    accuracies = models.groupby("information_set")["accuracy"]
    best = models.sort_values("accuracy", ascending=False, kind="stable")
    best = best.drop_duplicates("information_set")
    sets = best["information_set"]
    best = best.assign(
        lowest=sets.map(accuracies.min()),
        models=sets.map(accuracies.size()),
        majority=sets.map(majority),
        verdict=[_verdict(row) for _, row in best.iterrows()],
    )
    return order_by_claim(best)[COMPARED].reset_index(drop=True)


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
    """Say what the models of one information set reach and what that is worth.

    Args:
        row: A row of `compare_with_majority`.
        labels: Names of information sets and models.

    Returns:
        Two sentences.
    """
    against = {
        "better": "clearly better than",
        "unclear": "not clearly better than",
        "no better": "no better than",
    }[row["verdict"]]
    many = row["models"] > 1
    reach = f"The {row['models']} models are" if many else "The model is"
    best = "The most accurate, named after the fact" if many else "This one"
    return (
        f"{reach} right for {_accuracies(row)} of {counted(row['n'], 'household')}. {best}, "
        f"{_inside(row['model'], labels)}, is {against} always naming the largest segment "
        f"({percent_1(row['majority'])}): {_points(row['gain_over_majority'])} points, standard "
        f"error {100 * row['gain_se']:.1f}."
    )


def tell_skill(metrics: pd.DataFrame, protocol: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Say how much log loss the models save against the bare segment shares, each with its error.

    Args:
        metrics: `classifier_metrics`; one row per information set, model and protocol.
        protocol: The protocol told.
        labels: Names of models.

    Returns:
        One sentence per information set.
    """
    table = _without_baselines(metrics[metrics["protocol"] == protocol])
    return {
        str(name): "Log loss saved over the bare segment shares, with standard errors: "
        + listing(
            f"{_inside(row['model'], labels)} {_with_error(row['log_loss_skill'], row['skill_se'])}"
            for row in part.to_dict("records")
        )
        + "."
        for name, part in table.groupby("information_set", sort=False)
    }


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
        labels: Names of information sets and models.

    Returns:
        One title, without the full stop.
    """
    weakest = order_by_claim(metrics)["information_set"].iloc[-1]
    rows = metrics[metrics["information_set"] == weakest].set_index("segment")
    recall, size = rows["recall"], sample(rows["support"].sum())
    name = f"{labels.get(weakest, weakest)}, {_inside(rows['model'].iloc[0], labels)}"
    if percent_1(recall.max()) == percent_1(recall.min()):
        return f"{name}: finds {percent_1(recall.max())} of every segment's households; {size}"
    return (
        f"{name}: finds {percent_1(recall.max())} of {listing(highest(recall, percent_1))}, "
        f"but {percent_1(recall.min())} of {listing(lowest(recall, percent_1))}; {size}"
    )


def title_shap(
    importance: pd.DataFrame, households: int, codebook: Codebook, labels: Mapping[str, str]
) -> str:
    """Say which field moves the explained classifier of each information set most.

    Args:
        importance: `shap_importance`; one row per information set, segment and field.
        households: How many households the SHAP values were computed for.
        codebook: Names of fields.
        labels: Names of information sets and models.

    Returns:
        One title with model, unit and n, without the full stop.
    """
    strongest: dict[str, list[str]] = {}
    for name, part in importance.groupby("information_set", sort=False):
        sums = part.groupby("field")["mean_abs_shap"].sum()
        fields = listing(codebook[field].label for field in highest(sums, two_decimals))
        strongest.setdefault(lower_first(fields), []).append(labels.get(str(name), str(name)))
    parts = [f"{what} ({listing(map(lower_first, names))})" for what, names in strongest.items()]
    return (
        f"{_explained(importance, labels)}, largest mean SHAP values, in score before softmax: "
        f"{'; '.join(parts)}; {sample(households)}"
    )


def title_beeswarm(values: pd.DataFrame, codebook: Codebook, labels: Mapping[str, str]) -> str:
    """Say how far the strongest field of one information set moves a household.

    Args:
        values: `shap_values` of one information set.
        codebook: Names of fields.
        labels: Names of information sets and models.

    Returns:
        One title with model, unit and n, without the full stop.
    """
    sizes = values["shap_value"].abs().groupby(values["field"]).mean()
    field = codebook[highest(sizes, two_decimals)[0]].title
    name = labels.get(values["information_set"].iloc[0], values["information_set"].iloc[0])
    size = sample(values[codebook.identifier].nunique())
    return (
        f"{name}, {_explained(values, labels)}: {lower_first(field)} moves a household most, on "
        f"average by {two_decimals(sizes.max())} in score before softmax ({size})"
    )


def doubt_explanations(
    importance: pd.DataFrame, metrics: pd.DataFrame, protocol: str, labels: Mapping[str, str]
) -> str:
    """Say which of the explained models fit no better than the bare segment shares.

    Args:
        importance: `shap_importance`; the information sets and models that are explained.
        metrics: `classifier_metrics`; one row per information set, model and protocol.
        protocol: The protocol by which they are judged.
        labels: Names of information sets and models.

    Returns:
        One sentence. Better means that the saved log loss exceeds two of its standard errors.
    """
    explained = importance[["information_set", "model"]].drop_duplicates()
    judged = metrics[metrics["protocol"] == protocol].merge(explained)
    poor = judged[~(judged["log_loss_skill"] > CLEAR * judged["skill_se"])]
    if poor.empty:
        return "Each explained model clearly saves log loss over the bare segment shares."
    parts = [
        f"{_inside(row['model'], labels)} on {_inside(row['information_set'], labels)} "
        f"({_with_error(row['log_loss_skill'], row['skill_se'])} of log loss saved)"
        for row in poor.to_dict("records")
    ]
    return (
        f"Not clearly better than the bare segment shares: {listing(parts)}. There the SHAP values "
        "show what the model does, not what makes a segment."
    )


def compare_with_published(reproduction: pd.DataFrame, published: float | None) -> str:
    """Say what the published protocol reaches when it is run again.

    Args:
        reproduction: `source_study_reproduction`; one row per model, protocol and cluster.
        published: The accuracy that the study reports; None when there is none.

    Returns:
        One sentence.
    """
    split, often = (_models_of(reproduction, protocol) for protocol in (SINGLE_SPLIT, REPEATED_CV))
    claimed = "" if published is None else f" (the study reports {percent_1(published)})"
    return (
        f"Run again, the models of the published protocol are right for "
        f"{_range(split['accuracy'])} of the {counted(split['n'].iloc[0], 'household')} in its one "
        f"test split{claimed}, and by repeated cross-validation for {_range(often['accuracy'])} of "
        f"{counted(often['n'].iloc[0], 'household')}; always naming its largest cluster is right "
        f"for {percent_1(often['majority'].iloc[0])} of these."
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


def count_contained_scores(
    audit: pd.DataFrame, information_set: str, labels: Mapping[str, str]
) -> str:
    """Say how many of the scores that made this report's segments an information set tells."""
    rows = audit[audit["information_set"] == information_set]
    inside = [
        lower_first(labels.get(score, _plain(score)))
        for score in rows.loc[rows["contained"], "score"]
    ]
    number = f"{len(inside)} of the {len(rows)}" if inside else f"none of the {len(rows)}"
    what = f" ({listing(inside)})" if inside else ""
    return (
        f"Of the segments of this report the same fields tell {number} scores whole{what}; the "
        f"claim is {rows['claim'].iloc[0]}."
    )


def title_ladder(steps: pd.DataFrame) -> str:
    """Say what becomes of accuracy as knowledge of the purchases is taken away.

    Args:
        steps: One row per step: step, claim, accuracy, majority and n.

    Returns:
        One title with n, without the full stop.
    """
    first, last = steps.iloc[0], steps.iloc[-1]
    falls = percent_1(last["accuracy"]) != percent_1(first["accuracy"])
    verb = "falls" if falls and last["accuracy"] < first["accuracy"] else "does not fall"
    low, high = steps["n"].min(), steps["n"].max()
    size = (
        sample(high) if low == high else f"n\u00a0=\u00a0{low:,}\u00a0to\u00a0{high:,} households"
    )
    return (
        f"The best accuracy {verb} from {percent_1(first['accuracy'])} ({first['claim']}) to "
        f"{percent_1(last['accuracy'])} ({last['claim']}); always naming the largest segment gives "
        f"{percent_1(last['majority'])}; {size}"
    )


def build_ladder(
    compared: pd.DataFrame,
    reproduction: pd.DataFrame,
    information_set: str | None,
    claim: Claim | None,
    labels: Mapping[str, str],
) -> pd.DataFrame:
    """Line up the best accuracies from full knowledge of the purchases to none.

    Args:
        compared: What `compare_with_majority` returned.
        reproduction: `source_study_reproduction`; its repeated cross-validation is a step.
        information_set: The information set of the published study; None leaves the study out.
        claim: What the study's accuracy is evidence of; None likewise.
        labels: Names of information sets.

    Returns:
        One row per step: step (text), claim, accuracy (of the most accurate model), majority and n.
    """
    ours = compared.assign(step=[labels.get(name, name) for name in compared["information_set"]])
    columns = ["step", "claim", "accuracy", "majority", "n"]
    study = compared[compared["information_set"] == information_set]
    if study.empty or claim is None:
        return ours[columns]
    models = _models_of(reproduction, REPEATED_CV)
    best = models.loc[[models["accuracy"].idxmax()]]
    step = best.assign(step="The published study's fields, on its own clusters", claim=claim.value)
    steps = pd.concat([step[columns], ours[columns]], ignore_index=True)
    return order_by_claim(steps).reset_index(drop=True)


def _models_of(reproduction: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """One row per model: accuracy, n and the share of the largest cluster."""
    rows = reproduction[reproduction["protocol"] == protocol].groupby("model", sort=False)
    table = rows.agg(accuracy=("accuracy", "first"), n=("support", "sum"), top=("support", "max"))
    return table.assign(majority=table["top"] / table["n"]).reset_index()


def _without_baselines(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics[~metrics["model"].isin(BASELINES)]


def _verdict(row: pd.Series) -> str:
    gain = row["gain_over_majority"]
    if gain <= 0 or percent_1(gain) == percent_1(0):
        return "no better"
    return "better" if gain > CLEAR * row["gain_se"] else "unclear"


def _shown(rows: pd.DataFrame, labels: Mapping[str, str]) -> str:
    return listing(
        f"{_inside(row['information_set'], labels)} ({_accuracies(row)})"
        for _, row in rows.iterrows()
    )


def _accuracies(row: pd.Series) -> str:
    return _range(pd.Series([row["lowest"], row["accuracy"]]))


def _explained(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    return listing(labels.get(name, name) for name in dict.fromkeys(table["model"]))


def _inside(name: str, labels: Mapping[str, str]) -> str:
    return lower_first(labels.get(name, _plain(name)))


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "\u2212")


def _with_error(share: float, error: float) -> str:
    return f"{_points(share)}%\u00a0±\u00a0{100 * error:.1f}"


def _range(values: pd.Series) -> str:
    low, high = percent_1(values.min()), percent_1(values.max())
    return low if low == high else f"{low} to {high}"


def _plain(name: str) -> str:
    return name.replace("_", " ")
