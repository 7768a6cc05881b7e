"""Made-up tables of the typing tool in the shapes that the pipelines write."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from tests.figures.tables import PERSONAS, codebook

SETS = {
    "panel_record": "assignment",
    "source_study": "overlap",
    "demographics": "prediction",
}
ACCURACY = {"panel_record": 0.94, "source_study": 0.76, "demographics": 0.56}
MODELS = ("lr", "xgboost", "rf", "procedure", "prior", "majority")
MAJORITY = 0.58
ALL_FIELDS = 12


def _around(table: pd.DataFrame, name: str, reach: float, stem: str = "") -> pd.DataFrame:
    """Bounds of a figure, called after it or after another stem."""
    stem = stem or name
    return table.assign(**{f"{stem}_low": table[name] - reach, f"{stem}_high": table[name] + reach})


def classifier_metrics(sets=SETS, accuracy=ACCURACY) -> pd.DataFrame:
    rows = []
    for name, claim in sets.items():
        models = [*MODELS, *(["nearest_centroid"] if claim == "assignment" else [])]
        for protocol in ("nested_cv", "holdout"):
            for i, model in enumerate(models):
                right = MAJORITY if model in ("prior", "majority") else accuracy[name] + i / 100
                right = 1.0 if model == "nearest_centroid" else right
                rows.append((name, claim, model, protocol, right))
    columns = ["information_set", "claim", "model", "protocol", "accuracy"]
    table = pd.DataFrame(rows, columns=columns).assign(n=543)
    is_base = table["model"].isin(["prior", "majority"])
    gain = (table["accuracy"] - MAJORITY).mask(is_base)
    table = table.assign(
        gain_over_majority=gain, log_loss_skill=gain / 2, log_loss=1 - table["accuracy"] / 2
    )
    for figure in ("balanced_accuracy", "precision_macro", "recall_macro", "f1_macro"):
        table[figure] = table["accuracy"] - 0.1
    table = _around(_around(table, "accuracy", 0.03), "gain_over_majority", 0.02, "gain")
    table = _around(_around(table, "log_loss", 0.05), "log_loss_skill", 0.04)
    table[["brier", "auc_macro", "calibration_slope"]] = (0.4, 0.7, 0.95)
    table[["calibration_error", "calibration_error_expected"]] = (0.031, 0.024)
    table["accuracy_reference"] = table["accuracy"] - 0.005
    table["log_loss_reference"] = table["log_loss"] + 0.01
    return table.assign(champion=table["model"] == "lr")


def segment_metrics(segments=PERSONAS, sets=SETS) -> pd.DataFrame:
    metrics = classifier_metrics(sets)
    sizes = pd.DataFrame(
        {"segment": segments, "support": [300.4 / (i + 1) for i in range(len(segments))]}
    )
    keys = ["information_set", "claim", "model", "protocol", "accuracy"]
    table = metrics[keys].merge(sizes, how="cross")
    table["precision"] = table["accuracy"] - 0.05
    table["recall"] = table["accuracy"] - 0.15
    table["f1"] = table["accuracy"] - 0.1
    table = _around(_around(table, "precision", 0.04), "recall", 0.05)
    never = table["model"] == "majority"  # all segments but one are never named
    table.loc[never, ["precision_low", "precision_high"]] = np.nan
    table = table.assign(auc=0.7, calibration_intercept=0.02)
    table = table.assign(precision_reference=table["precision"], recall_reference=table["recall"])
    return table.drop(columns="accuracy")


def model_comparisons(sets=SETS) -> pd.DataFrame:
    rows = [
        (name, claim, "nested_cv", a, b, 0.01 * (j - i), 0.002 * (i - j))
        for name, claim in sets.items()
        for (i, a), (j, b) in combinations(enumerate(MODELS[:-1]), 2)
    ]
    columns = ["information_set", "claim", "protocol", "model_a", "model_b"]
    columns += ["log_loss_difference", "accuracy_difference"]
    table = pd.DataFrame(rows, columns=columns).assign(folds=25)
    table = _around(table, "log_loss_difference", 0.015, "log_loss")
    return _around(table, "accuracy_difference", 0.02, "accuracy")


def permutation_tests(sets=SETS) -> pd.DataFrame:
    names = [name for name, claim in sets.items() if claim == "prediction"]
    table = pd.DataFrame({"information_set": pd.Series(names, dtype="str")})
    table[["log_loss", "log_loss_permuted", "permutations"]] = (0.95, 0.99, 199)
    return table.assign(p_value=0.02, p_holm=0.02)


def fold_alignments(segments=PERSONAS) -> pd.DataFrame:
    rows = [("nested_cv", repeat, fold) for repeat in (1, 2) for fold in (1, 2, 3)]
    rows += [("holdout", 1, 1)]
    table = pd.DataFrame(rows, columns=["protocol", "repeat", "fold"])
    table = table.merge(pd.DataFrame({"segment": segments}), how="cross")
    return table.assign(jaccard=0.9, misfit=False)


def circularity_audit(sets=SETS) -> pd.DataFrame:
    scores = ("loyalty", "deal_proneness", "usage_volume", "usage_frequency")
    rows = [
        (name, score, claim == "assignment" or (claim == "overlap" and i > 0), claim, 0.1 * i)
        for name, claim in sets.items()
        for i, score in enumerate(scores)
    ]
    columns = ["information_set", "score", "contained", "claim", "r2"]
    table = _around(pd.DataFrame(rows, columns=columns), "r2", 0.05)
    return table.assign(r2_purchases_low=table["r2_low"] - 0.1)


def model_choices(sets=SETS) -> pd.DataFrame:
    table = pd.DataFrame({"information_set": list(sets), "model": "lr"})
    final = table.assign(protocol="final", repeat=1, fold=1)
    return pd.concat([final, table.assign(protocol="nested_cv", repeat=1, fold=1, model="rf")])


def classifier_tuning(sets=SETS) -> pd.DataFrame:
    places = [("final", 1, 1), ("nested_cv", 1, 1)]
    settings = [("lr", "C=0.1", True), ("lr", "C=1", False), ("rf", "min_samples_leaf=3", True)]
    rows = [
        (name, model, *place, setting, chosen)
        for name in sets
        for place in places
        for model, setting, chosen in settings
    ]
    columns = ["information_set", "model", "protocol", "repeat", "fold", "setting", "chosen"]
    return pd.DataFrame(rows, columns=columns).assign(log_loss=0.9, temperature=1.25)


def explained(sets: dict[str, str]) -> list[str]:
    """The information sets of which a champion is explained: not where the segmenter answers."""
    return [name for name, claim in sets.items() if claim != "assignment"]


def fields_of(information_set: str) -> list[str]:
    book = codebook()
    people = book.columns_of("demographics")
    return {
        "demographics": people,
        "source_study": [*people[:5], *book.columns_of("promotion_shares")],
        "panel_record": [*people, *book.columns_of("purchase_behaviour")],
    }[information_set]


def shap_importance(segments=PERSONAS, sets=SETS) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = [
        (name, "lr", segment, field, rng.gamma(1, 0.2))
        for name in explained(sets)
        for segment in segments
        for field in fields_of(name)
    ]
    columns = ["information_set", "model", "segment", "field", "mean_abs_shap"]
    table = pd.DataFrame(rows, columns=columns)
    ranks = table.groupby(["information_set", "segment"])["mean_abs_shap"].rank(ascending=False)
    return table.assign(rank=ranks.astype(int), rank_stability=0.6)


def shap_groups(segments=PERSONAS, sets=SETS) -> pd.DataFrame:
    importance = shap_importance(segments, sets)
    people = set(codebook().columns_of("demographics"))
    group = importance["field"].where(importance["field"].isin(people), "promotion")
    table = importance.assign(group=group, fields=importance["field"])
    keys = ["information_set", "model", "segment", "group"]
    return table.groupby(keys, sort=False).first().reset_index().drop(columns="field")


def permutation_importance(sets=SETS) -> pd.DataFrame:
    rows = [(name, "lr", field) for name in explained(sets) for field in fields_of(name)]
    table = pd.DataFrame(rows, columns=["information_set", "model", "field"])
    number = table.groupby("information_set").cumcount()
    table["log_loss_increase"] = 0.05 / (1 + number) - 0.01
    table["rank"] = number + 1
    return _around(table, "log_loss_increase", 0.008, "increase")


def shap_values(households: pd.DataFrame, segments=PERSONAS, sets=SETS) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    table = shap_importance(segments, sets)[["information_set", "model", "segment", "field"]]
    table = table[table["information_set"] == "demographics"]
    table = table.merge(households[["household_id"]], how="cross")
    table["shap_value"] = rng.normal(0, 0.2, len(table))
    return table.assign(field_value=rng.integers(1, 4, len(table)).astype(float))


def classifier_predictions(households: pd.DataFrame, segments=PERSONAS) -> pd.DataFrame:
    """The champion on demographics in two repeats."""
    rng = np.random.default_rng(14)
    parts = []
    for repeat in (1, 2):
        probabilities = rng.dirichlet(np.ones(len(segments)), len(households))
        names = ["_".join(["p", *name.lower().split()]) for name in segments]
        part = pd.DataFrame(probabilities, columns=names)
        part["predicted"] = np.array(segments)[probabilities.argmax(axis=1)]
        part[["household_id", "thin_record"]] = households[["household_id", "thin_record"]]
        part["segment"] = part["reference"] = households["segment"]
        parts.append(part.assign(repeat=repeat, fold=1))
    place = {"information_set": "demographics", "model": "lr", "protocol": "nested_cv"}
    return pd.concat(parts, ignore_index=True).assign(**place)


def distance_contributions(households: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(15)
    scores = pd.DataFrame({"score": ["loyalty", "deal_proneness", "usage_volume"]})
    table = households[["household_id", "segment", "second_segment"]].merge(scores, how="cross")
    return table.assign(contribution=rng.gamma(2, 0.5, len(table)))


def conformal_summary(segments=PERSONAS, sets=SETS) -> pd.DataFrame:
    groups = [("all", "all"), *(("segment", name) for name in segments)]
    groups += [("stratum", label) for label in ("A (highest)", "B", "other (C, D/E (lowest))")]
    groups += [("blank_record", "Demographic record missing")]
    uncertain = {name: claim for name, claim in sets.items() if claim != "assignment"}
    rows = [
        (name, claim, *group, 100 + i, 0.92 - 0.01 * i)
        for name, claim in uncertain.items()
        for i, group in enumerate(groups)
    ]
    columns = ["information_set", "claim", "group_by", "group", "n", "coverage"]
    table = _around(pd.DataFrame(rows, columns=columns), "coverage", 0.03)
    return table.assign(mean_set_size=2.3, singletons=0.04, small=False)


def golden_questions(sets=SETS) -> pd.DataFrame:
    rows = []
    for name, claim in sets.items():
        if claim == "assignment":
            continue
        fields = [*fields_of(name)[:5], ""]
        for i, field in enumerate(fields):
            count = ALL_FIELDS if field == "" else i + 1
            excess = 0.0 if field == "" else 0.03 - 0.008 * i
            rows.append((name, claim, count, ", ".join(fields[: i + 1]), field, excess, i == 2))
    columns = ["information_set", "claim", "n_fields", "fields", "field", "excess", "recommended"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(accuracy=0.6, log_loss=0.9 + table["excess"], log_loss_se=0.02)
    inclusion = pd.Series(0.8, index=table.index).mask(table["field"] == "")
    return table.assign(excess_se=0.006, inclusion=inclusion)


def campaign_gains(segment="Promo Shoppers", sets=SETS) -> pd.DataFrame:
    depths = np.array([0.05, 0.1, 0.2, 0.5, 1.0])
    table = pd.DataFrame({"information_set": list(sets), "claim": list(sets.values())})
    table = table.merge(pd.DataFrame({"depth": depths}), how="cross")
    strength = table["information_set"].map(ACCURACY)
    mailed = (543 * table["depth"]).round().astype(int)
    lift = 1 + strength * (1 - table["depth"])
    table = table.assign(segment=segment, mailed=mailed, hits=lift * mailed * 0.2, lift=lift)
    table = _around(table, "lift", 0.6).assign(lift_max=np.minimum(5, 1 / table["depth"]))
    table = table.assign(base_rate=0.2, profit=60 * table["hits"] - 10 * mailed)
    table["extra_profit"] = 60 * (table["hits"] - 0.2 * mailed)
    table = _around(_around(table, "profit", 150), "extra_profit", 200, "extra")
    table["over_everybody"] = table["profit"] - 543 * (60 * 0.2 - 10)
    table = _around(table, "over_everybody", 250)
    table = table.assign(currency="rupees", contact_cost=10, success_value=60)
    return table.assign(mailed_with_thin=mailed + 6, hits_with_thin=table["hits"] + 1).assign(
        lift_with_thin=lift - 0.05
    )


def fairness_slices(sets=SETS) -> pd.DataFrame:
    book = codebook()
    fields = [field for field in book.fields if field.group == "demographics" and field.codes][:4]
    rows = [
        (name, claim, field.name, label, 0.03 * number - 0.05)
        for name, claim in sets.items()
        for field in fields
        for number, label in enumerate(list(field.codes.values())[1:4])
    ]
    columns = ["information_set", "claim", "field", "slice", "difference"]
    table = _around(pd.DataFrame(rows, columns=columns), "difference", 0.04)
    table["gain_difference"] = table["difference"] / 2
    table = _around(table, "gain_difference", 0.02, "gain")
    return table.assign(n=80, accuracy=0.6, majority=0.5)


def source_study_reproduction() -> pd.DataFrame:
    rows = [
        (model, protocol, segment, accuracy - less, 0.9, 0.85, n * times)
        for model, accuracy in {"lr": 0.883, "rf": 0.9, "xgboost": 0.908}.items()
        for protocol, less, times in (("single_split", 0, 1), ("repeated_cv", 0.02, 5))
        for segment, n in {0: 20, 1: 38, 2: 62}.items()
    ]
    columns = ["model", "protocol", "segment", "accuracy", "precision", "recall", "support"]
    table = pd.DataFrame(rows, columns=columns).assign(f1=0.87)
    return _around(_around(table, "accuracy", 0.03), "precision", 0.06)


def source_study_comparisons() -> pd.DataFrame:
    rows = model_comparisons({"source_study": "overlap"})
    rows = rows[~rows["model_b"].isin(["procedure", "prior"]) & (rows["model_a"] != "procedure")]
    return rows.drop(columns=["information_set", "claim", "protocol"]).reset_index(drop=True)


def source_study_importance() -> pd.DataFrame:
    """The affluence index is near the end; promotions lead together."""
    book = codebook()
    fields = [*book.columns_of("promotion_shares"), *book.columns_of("demographics")]
    sizes = np.linspace(2, 0.1, len(fields))
    rank = np.arange(1, len(fields) + 1)
    table = pd.DataFrame({"model": "xgboost", "field": fields, "mean_abs_shap": sizes})
    table["share"] = sizes / sizes.sum()
    return table.assign(rank=rank, rank_low=np.maximum(1, rank - 1), rank_high=rank + 1)
