"""Made-up tables in the shapes that the pipelines write, for any number of segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.panel.codebook import Codebook

CONF = Path(__file__).parents[2] / "conf" / "base"
PERSONAS = ("Variety Seekers", "Promo Shoppers", "Loyalists")
SETS = {"panel_record": "assignment", "source_study": "overlap", "demographics": "prediction"}


def codebook() -> Codebook:
    text = (CONF / "globals_codebook.yml").read_text(encoding="utf-8")
    return Codebook.model_validate(yaml.safe_load(text)["codebook"])


def reporting() -> ReportingParameters:
    text = (CONF / "parameters_reporting.yml").read_text(encoding="utf-8")
    return ReportingParameters.model_validate(yaml.safe_load(text)["reporting"])


def household_segments(segments=PERSONAS, n=200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    weights = np.arange(len(segments), 0, -1)
    return pd.DataFrame(
        {
            "household_id": np.arange(1_000_000, 1_000_000 + n),
            "segment": rng.choice(segments, n, p=weights / weights.sum()),
            "thin_record": rng.random(n) < 0.1,
        }
    )


def household_features(households: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    book = codebook()
    shares = {v.name: rng.beta(1, 3, len(households)) for v in book.variables if v.scale == "share"}
    amounts = {
        v.name: rng.lognormal(6, 0.6, len(households))
        for v in book.variables
        if v.scale in ("ratio", "count")
    }
    return pd.DataFrame({"household_id": households["household_id"], **shares, **amounts})


def segment_scores(households: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(len(households), 2))
    return pd.DataFrame(scores, columns=["loyalty", "deal_proneness"]).assign(
        household_id=households["household_id"]
    )


def segment_sizes(households: pd.DataFrame) -> pd.DataFrame:
    thin = households["thin_record"]
    sizes = households[~thin].groupby("segment").size().rename("households").to_frame()
    sizes["share"] = sizes["households"] / sizes["households"].sum()
    sizes["thin_households"] = households[thin].groupby("segment").size()
    return sizes.fillna({"thin_households": 0}).reset_index()


def segment_profiles(households: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    eligible = features.merge(households[~households["thin_record"]], on="household_id")
    names = [c for c in features if c != "household_id"]
    long = eligible.melt(id_vars="segment", value_vars=names)
    table = (
        long.groupby(["segment", "variable"])["value"].agg(["mean", "std", "size"]).reset_index()
    )
    table = table.rename(columns={"std": "sd", "size": "n"})
    table["total_mean"] = table["variable"].map(eligible[names].mean())
    table["index_to_total"] = 100 * table["mean"] / table["total_mean"]
    spread = table["variable"].map(eligible[names].std())
    error = 1.96 * table["sd"] / table["n"] ** 0.5
    table = table.assign(mean_low=table["mean"] - error, mean_high=table["mean"] + error)
    return table.assign(standardised_mean=(table["mean"] - table["total_mean"]) / spread)


def segment_demographics(segments=PERSONAS) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for field in codebook().fields:
        if field.group != "demographics" or not field.codes:
            continue
        total = rng.dirichlet(np.ones(len(field.codes)))
        for segment in segments:
            shares = rng.dirichlet(1 + 60 * total)
            for code, share, all_share in zip(field.codes, shares, total, strict=True):
                rows.append((segment, field.name, code, round(100 * share), share, all_share))
    columns = ["segment", "variable", "code", "households", "share", "total_share"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(index_to_total=100 * table["share"] / table["total_share"])


def segment_descriptors() -> pd.DataFrame:
    fields = [field for field in codebook().fields if field.group == "demographics"]
    table = pd.DataFrame({"descriptor": [field.name for field in fields], "subset": "all"})
    table["n"] = 500 - table.index
    table["measure"] = ["Cramér's V" if field.codes else "epsilon" for field in fields]
    table["effect"] = 0.02 * table.index
    table["convention"] = ["w" if field.codes else "f" for field in fields]
    table["cohen_effect"] = 1.1 * table["effect"]
    table["magnitude"] = np.where(table["cohen_effect"] < 0.1, "negligible", "small")
    return table


def segmentation_candidates(chosen=3) -> pd.DataFrame:
    ks = np.arange(2, 9)
    table = pd.DataFrame({"specification": "loyalty_deal_usage", "algorithm": "kmeans", "k": ks})
    table["variables"] = "loyalty, deal_proneness"
    table["silhouette"] = [0.33, 0.30, 0.28, 0.27, 0.26, 0.25, 0.24]
    table["global_ari_median"] = [0.85, 0.90, 0.83, 0.78, 0.72, 0.70, 0.66]
    table["global_ari_q10"] = [0.60, 0.77, 0.70, 0.60, 0.58, 0.55, 0.50]
    table["smallest_share"] = 1 / (ks + 2)
    return table.assign(chosen=ks == chosen)


def classifier_metrics(accuracy=None) -> pd.DataFrame:
    accuracy = accuracy or {"panel_record": 0.94, "source_study": 0.76, "demographics": 0.56}
    rows = []
    for name, claim in SETS.items():
        for protocol in ("repeated_cv", "holdout"):
            for i, model in enumerate(("lr", "rf", "xgboost", "majority")):
                a = 0.58 if model == "majority" else accuracy[name] + 0.01 * i
                b = 1 / 3 if model == "majority" else a - 0.1
                rows.append((name, claim, model, protocol, 543, a, b, b, b, b, 1 - a))
    columns = [
        "information_set",
        "claim",
        "model",
        "protocol",
        "n",
        "accuracy",
        "balanced_accuracy",
    ]
    columns += ["precision_macro", "recall_macro", "f1_macro", "log_loss"]
    table = pd.DataFrame(rows, columns=columns)
    gain = (table["accuracy"] - 0.58).mask(table["model"] == "majority")
    return table.assign(
        gain_over_majority=gain, gain_se=0.01, log_loss_skill=gain / 2, skill_se=0.02
    )


def segment_metrics(segments=PERSONAS) -> pd.DataFrame:
    metrics = classifier_metrics()
    table = metrics[["information_set", "claim", "model", "protocol", "accuracy"]].merge(
        pd.DataFrame(
            {"segment": segments, "support": [300 // (i + 1) for i in range(len(segments))]}
        ),
        how="cross",
    )
    table["precision"] = table["accuracy"] - 0.05
    table["recall"] = table["accuracy"] - 0.15
    table["f1"] = table["accuracy"] - 0.1
    return table.drop(columns="accuracy")


def shap_importance(segments=PERSONAS) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    book = codebook()
    people = book.columns_of("demographics")
    fields = {
        "demographics": people,
        "source_study": [*people[:5], *book.columns_of("promotion_shares")],
    }
    fields["panel_record"] = [*people, *book.columns_of("purchase_behaviour")]
    rows = [
        (name, "xgboost", segment, field, rng.gamma(1, 0.2))
        for name, columns in fields.items()
        for segment in segments
        for field in columns
    ]
    columns = ["information_set", "model", "segment", "field", "mean_abs_shap"]
    table = pd.DataFrame(rows, columns=columns)
    ranks = table.groupby(["information_set", "segment"])["mean_abs_shap"].rank(ascending=False)
    return table.assign(rank=ranks.astype(int))


def shap_values(households: pd.DataFrame, segments=PERSONAS) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    table = shap_importance(segments)[["information_set", "model", "segment", "field"]]
    table = table[table["information_set"] == "demographics"]
    table = table.merge(households[["household_id"]], how="cross")
    table["shap_value"] = rng.normal(0, 0.2, len(table))
    return table.assign(field_value=rng.integers(1, 5, len(table)).astype(float))


def source_study_reproduction() -> pd.DataFrame:
    rows = [
        (
            model,
            protocol,
            segment,
            accuracy - (0.02 if protocol == "repeated_cv" else 0),
            0.9,
            0.85,
            n,
        )
        for model, accuracy in {"lr": 0.883, "rf": 0.9, "xgboost": 0.908}.items()
        for protocol in ("single_split", "repeated_cv")
        for segment, n in {0: 20, 1: 38, 2: 62}.items()
    ]
    columns = ["model", "protocol", "segment", "accuracy", "precision", "recall", "support"]
    return pd.DataFrame(rows, columns=columns)


def circularity_audit() -> pd.DataFrame:
    rows = [
        (name, score, claim == "assignment" or (claim == "overlap" and i > 0), claim)
        for name, claim in SETS.items()
        for i, score in enumerate(("loyalty", "deal_proneness", "log_volume", "log_transactions"))
    ]
    return pd.DataFrame(rows, columns=["information_set", "score", "contained", "claim"])


def data_quality() -> pd.DataFrame:
    rows = [
        ("not stated", "food_habits", 69, 69 / 600, "Missing, not a fact."),
        (
            "demographic record missing",
            "demographic_record_missing",
            68,
            68 / 600,
            "One missing record.",
        ),
        ("thin record", "thin_record", 57, 57 / 600, "Fewer than 11 transactions."),
        ("identity not kept", "brands_bought", 2, 2 / 600, "Two households."),
    ]
    return pd.DataFrame(rows, columns=["check", "column", "rows", "share", "note"])
