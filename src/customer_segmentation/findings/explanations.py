"""What the tables say about the fields that move the classifiers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from customer_segmentation.classification.models import PROCEDURE
from customer_segmentation.findings.claims import BETTER, judge_gain
from customer_segmentation.findings.wording import (
    highest,
    inside,
    listing,
    lower_first,
    opening,
    percent,
    percent_1,
    sample,
    two_decimals,
    upper_first,
    with_interval,
)
from customer_segmentation.panel.codebook import Codebook

PLACES = 1  # that a rank may move and still be called stable
UNIT = "in centred log-odds"
NOTHING = "No information set is a prediction or an overlap, so no classifier is explained"


def title_shap(
    importance: pd.DataFrame, households: int, codebook: Codebook, labels: Mapping[str, str]
) -> str:
    """Say which field moves the champion of each information set most.

    Args:
        importance: `shap_importance`; one row per information set, segment and field.
        households: How many households the SHAP values were computed for.
        codebook: Names of fields.
        labels: Names of information sets and models.

    Returns:
        One title with models, unit and n, without the full stop.
    """
    if importance.empty:
        return NOTHING
    strongest: dict[str, list[str]] = {}
    for name, part in importance.groupby("information_set", sort=False):
        fields = listing(codebook[field].label for field in highest(_sum_up(part), two_decimals))
        model = labels.get(part["model"].iloc[0], part["model"].iloc[0])
        where = f"{inside(str(name), labels)}, {lower_first(model)}"
        strongest.setdefault(lower_first(fields), []).append(where)
    parts = [f"{what} ({'; '.join(where)})" for what, where in strongest.items()]
    return f"Largest mean SHAP values, {UNIT}: {listing(parts)}; {sample(households)}"


def title_beeswarm(
    values: pd.DataFrame, seen: str, codebook: Codebook, labels: Mapping[str, str]
) -> str:
    """Say how far the strongest field of one information set moves a household.

    Args:
        values: `shap_values` of one information set; none if it is not explained.
        seen: Name of the information set.
        codebook: Names of fields.
        labels: Names of models.

    Returns:
        One title with model, unit and n, without the full stop.
    """
    if values.empty:
        return f"{seen}: no classifier is explained, so no household’s fields are shown"
    sizes = values["shap_value"].abs().groupby(values["field"]).mean()
    field = codebook[highest(sizes, two_decimals)[0]].title
    model = inside(values["model"].iloc[0], labels)
    return (
        f"{upper_first(seen)}, {model}: {lower_first(field)} moves a "
        f"household most, on average by {two_decimals(sizes.max())} {UNIT} "
        f"({sample(values[codebook.identifier].nunique())})"
    )


def doubt_explanations(
    importance: pd.DataFrame, metrics: pd.DataFrame, protocol: str, labels: Mapping[str, str]
) -> str:
    """Say where the way in which the explained models were found does not beat the segment shares.

    The procedure is judged, not the explained model, which was chosen with all households in view.

    Args:
        importance: `shap_importance`; the information sets and models that are explained.
        metrics: `classifier_metrics`; one row per information set, model and protocol.
        protocol: The protocol by which they are judged.
        labels: Names of information sets and models.

    Returns:
        One sentence.
    """
    explained = importance[["information_set"]].drop_duplicates().assign(model=PROCEDURE)
    judged = metrics[metrics["protocol"] == protocol].merge(explained)
    ends = zip(judged["log_loss_skill_low"], judged["log_loss_skill_high"], strict=True)
    poor = judged[[judge_gain(low, high) != BETTER for low, high in ends]]
    if poor.empty:
        return "On each set the procedure clearly saves log loss over the bare segment shares."
    parts = [
        f"{inside(row['information_set'], labels)}, "
        f"{with_interval(row, 'log_loss_skill', percent_1)} of log loss saved"
        for row in poor.to_dict("records")
    ]
    return (
        "The procedure that chose the model is not clearly better than the bare segment shares: "
        f"{'; '.join(parts)}. There the SHAP values show what the model does, not what makes a "
        "segment."
    )


def tell_rank_stability(
    importance: pd.DataFrame, fields_shown: int, labels: Mapping[str, str]
) -> str:
    """Say how far the ranks of the strongest fields hold from fold to fold.

    Args:
        importance: `shap_importance`; one row per information set, segment and field.
        fields_shown: How many of the strongest fields of each segment count.
        labels: Names of information sets.

    Returns:
        One sentence; nothing if no set has so many fields that a rank could be left.
    """
    most = importance.groupby("information_set")["rank"].transform("max")
    strongest = importance[(importance["rank"] <= fields_shown) & (most > 1 + PLACES)]
    if strongest.empty:
        return ""
    held = strongest.groupby("information_set", sort=False)["rank_stability"].mean()
    told = listing(
        f"{percent(share)} ({inside(str(name), labels)})" for name, share in held.items()
    )
    return (
        f"The {fields_shown} strongest fields of a segment stay within one place of their rank in "
        f"this share of the folds: {told}."
    )


def compare_opinions(
    importance: pd.DataFrame,
    permuted: pd.DataFrame,
    fields_shown: int,
    codebook: Codebook,
    labels: Mapping[str, str],
) -> list[str]:
    """Say whether permutation importance names the same fields as SHAP.

    Args:
        importance: `shap_importance`; one row per information set, segment and field.
        permuted: `permutation_importance`; one row per information set and field.
        fields_shown: How many of the strongest fields are compared, fewer where there are fewer.
        codebook: Names of fields.
        labels: Names of information sets.

    Returns:
        One sentence per information set.
    """
    told = []
    for name, part in permuted.groupby("information_set", sort=False):
        sizes = _sum_up(importance[importance["information_set"] == name])
        losses = part.set_index("field")["log_loss_increase"].reindex(sizes.index)
        compared = f"{_correlate(sizes, losses)} and {_share(sizes, losses, fields_shown)}. "
        helpful = _count_certain(part, codebook)
        told.append(f"{opening(str(name), labels)}: {compared if len(part) > 1 else ''}{helpful}")
    return told


def title_groups(groups: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Say which group of fields moves the champion of each information set most.

    Args:
        groups: `shap_groups`; one row per information set, segment and group; at least one.
        labels: Names of information sets and groups.

    Returns:
        One title, without the full stop.
    """
    parts = []
    for name, part in groups.groupby("information_set", sort=False):
        sums = part.groupby("group", sort=False)["mean_abs_shap"].sum()
        first = listing(inside(group, labels) for group in highest(sums, two_decimals))
        parts.append(f"{inside(str(name), labels)}: {first}")
    named = "; ".join(parts)
    return f"The strongest groups of fields, columns that say nearly the same summed: {named}"


def _sum_up(importance: pd.DataFrame) -> pd.Series:
    """The importance of each field over all segments."""
    return importance.groupby("field", sort=False)["mean_abs_shap"].sum()


def _share(sizes: pd.Series, losses: pd.Series, fields_shown: int) -> str:
    count = min(fields_shown, (len(sizes) + 1) // 2)
    shared = [field for field in _first(sizes, count) if field in _first(losses, count)]
    if count == 1:
        return "agree on the strongest" if shared else "differ on the strongest"
    return f"share {len(shared)} of their {count} strongest"


def _first(sizes: pd.Series, count: int) -> list[str]:
    return list(sizes.sort_values(ascending=False, kind="stable").index[:count])


def _correlate(sizes: pd.Series, losses: pd.Series) -> str:
    correlation = sizes.rank().corr(losses.rank())  # Spearman's
    if pd.isna(correlation):
        return "SHAP and permutation importance cannot be correlated"
    shown = two_decimals(correlation)
    return f"SHAP and permutation importance rank the fields with a correlation of {shown}"


def _count_certain(permuted: pd.DataFrame, codebook: Codebook) -> str:
    """How many fields are shown to help beyond all others, and which of them most."""
    certain, fields = permuted[permuted["increase_low"] > 0], len(permuted)
    if fields == 1:
        return f"by its interval, its only field is {'' if len(certain) else 'not '}shown to help."
    if certain.empty:
        return f"By its interval, none of {fields} fields alone is shown to help."
    first = certain.iloc[int(certain["log_loss_increase"].to_numpy().argmax())]
    named = lower_first(codebook[first["field"]].title)
    verb = "is" if len(certain) == 1 else "are"
    return f"By its interval, {len(certain)} of {fields} fields {verb} shown to help, most {named}."
