"""Made-up tables in the shapes that the pipelines write, for any number of segments."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.spatial import ConvexHull

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.panel.codebook import Codebook

CONF = Path(__file__).parents[2] / "conf" / "base"
PERSONAS = ("Variety Seekers", "Promo Shoppers", "Loyalists")


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
            "agreement": rng.beta(8, 1, n),
            "second_segment": rng.choice(segments, n),
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
    numbers = table["variable"].map({name: number for number, name in enumerate(names)})
    return table.assign(
        standardised_mean=(table["mean"] - table["total_mean"]) / spread,
        built_segments=numbers % 3 == 0,
        marker=numbers % 3 == 1,
    )


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
                label = field.codes[code]
                rows.append(
                    (segment, field.name, code, label, round(100 * share), share, all_share)
                )
    columns = ["segment", "variable", "code", "label", "households", "share", "total_share"]
    table = pd.DataFrame(rows, columns=columns)
    table["residual"] = rng.normal(0, 2.5, len(table))
    return table.assign(index_to_total=100 * table["share"] / table["total_share"], survives=True)


def segment_descriptors() -> pd.DataFrame:
    """Ten tested descriptors, the missing record, and the ten with the missing records in."""
    fields = [field for field in codebook().fields if field.group == "demographics"]
    table = pd.DataFrame({"descriptor": [field.name for field in fields], "subset": "present"})
    table["measure"] = ["Cramér's V" if field.codes else "epsilon" for field in fields]
    table["convention"] = ["w" if field.codes else "f" for field in fields]
    missing = ("demographic_record_missing", "all", "Cramér's V", "w")
    tested = pd.concat([table, pd.DataFrame([missing], columns=table.columns)], ignore_index=True)
    tested["p_value"] = 0.001 + 0.05 * tested.index
    tested["p_holm"] = np.minimum(1, 5 * tested["p_value"])
    both = pd.concat([tested, table.assign(subset="all")], ignore_index=True)
    both["n"] = 500 - both.index
    both["effect"] = 0.01 * both.index
    both = both.assign(effect_low=both["effect"] / 2, effect_high=1.5 * both["effect"])
    for part, column in {"effect": "effect", "low": "effect_low", "high": "effect_high"}.items():
        both[f"cohen_{part}"] = 1.1 * both[column]
    both["magnitude"] = np.where(both["cohen_effect"] < 0.1, "negligible", "small")
    return both


def segmentation_candidates(chosen=3, specifications=4, finalists=(3, 4)) -> pd.DataFrame:
    """The last specification is a reference; the first is chosen, and has the finalists."""
    ks = np.arange(2, 9)
    names = specification_names(specifications)
    table = pd.DataFrame({"specification": names}).merge(pd.DataFrame({"k": ks}), how="cross")
    parts = table["specification"].str.split(".", expand=True)
    table[["view", "transform", "algorithm"]] = parts
    table["variables"] = "loyalty, deal_proneness"
    table["reference"] = table["specification"] == names[-1]
    table["choosable"] = table["k"].le(5) & ~table["reference"]
    less = 0.02 * table["specification"].map(names.index)
    k = table["k"]
    table["silhouette"] = k.map(dict(zip(ks, np.linspace(0.33, 0.24, 7), strict=True))) - less
    medians = [0.85, 0.90, 0.83, 0.78, 0.72, 0.70, 0.66]
    for mode, drop in {"global": 0.0, "pipeline": 0.02}.items():
        ari = k.map(dict(zip(ks, medians, strict=True))) - less - drop
        table[f"{mode}_ari_median"], table[f"{mode}_ari_q10"] = ari, ari - 0.12
    table["ari_mc_error"], table["pairs"] = 0.015, 40
    table = table.assign(calinski_harabasz=200.0 - k, davies_bouldin=1 + k / 10)
    table = table.assign(gap=k / 20, gap_se=0.01, households_per_variable=540 / 4)
    table["slsw_min_median"], table["slsw_min_q10"] = 1 - k / 30, 0.9 - k / 25
    table["smallest_share"] = 1 / (k + 2)
    table["admissible"] = table["choosable"] & k.le(4)
    table["reason"] = np.where(table["admissible"], "", "smallest segment below 8 %")
    ranked = table["pipeline_ari_q10"].where(table["admissible"])
    is_first = table["specification"] == names[0]
    table = table.assign(rank=ranked.rank(ascending=False), chosen=is_first & (k == chosen))
    return _with_nulls(
        table.assign(by_rule=table["chosen"]), is_first & k.isin({*finalists, chosen})
    )


def _with_nulls(table: pd.DataFrame, is_finalist: pd.Series) -> pd.DataFrame:
    columns = {"ari": ("global_ari_median", 0.04), "silhouette": ("silhouette", 0.02)}
    for null, near in {"permuted": 0.05, "copula": 0.01}.items():
        for column, (real, width) in columns.items():
            values = (table[real] - near).where(is_finalist)
            table[f"null_{null}_{column}"] = values
            table[f"null_{null}_{column}_q95"] = values + width
    table["null_excess"] = table["global_ari_median"] - table["null_permuted_ari"]
    table["null_permuted_share"] = table["null_excess"].where(table["null_excess"].isna(), 0.22)
    table["barred_by_personas"] = table["k"] == 2
    return table.assign(verdict=np.where(is_finalist, "reproducible", ""))


def specification_names(count: int) -> list[str]:
    """Views x transforms x algorithms, in the order of the table."""
    views = ("buying_style", "brand_preference", "buying_style_and_preference", "published")
    transforms, algorithms = ("plain", "equal_weights"), ("kmeans", "mixture", "ward")
    grid = [f"{v}.{t}.{a}" for v in views for t in transforms for a in algorithms]
    return grid[:count]


def candidate_agreements(candidates: pd.DataFrame, pairs=40) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    parts = []
    for mode, column in {"fixed": "global_ari_median", "pipeline": "pipeline_ari_median"}.items():
        rows = candidates.loc[candidates.index.repeat(pairs), ["specification", "k", column]]
        ari = np.minimum(rows[column] + rng.normal(0, 0.06, len(rows)), 1)
        pair = np.tile(np.arange(1, pairs + 1), len(candidates))
        parts.append(rows.assign(mode=mode, pair=pair, ari=ari).drop(columns=column))
    return pd.concat(parts, ignore_index=True)


def candidate_nulls(candidates: pd.DataFrame, draws=30) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    parts = []
    finalists = candidates[candidates["null_permuted_ari"].notna()]
    for null in ("permuted", "copula"):
        rows = finalists.loc[finalists.index.repeat(draws)]
        frame = rows[["specification", "k"]].assign(null=null)
        frame["draw"] = np.tile(np.arange(1, draws + 1), len(finalists))
        frame["ari"] = rows[f"null_{null}_ari"] + rng.normal(0, 0.03, len(rows))
        frame["silhouette"] = rows[f"null_{null}_silhouette"] + rng.normal(0, 0.01, len(rows))
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def specification_agreement(count=4, k=3) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    pairs = list(combinations(specification_names(count), 2))
    table = pd.DataFrame(pairs, columns=["specification_a", "specification_b"])
    return table.assign(k=k, ari=rng.uniform(-0.02, 1, len(table)))


def _solutions(segments=PERSONAS, largest=8, n=500) -> dict[int, np.ndarray]:
    """Made-up nested segments with some households that stray, by k; codes from 1."""
    rng = np.random.default_rng(10)
    line = np.sort(rng.random(n))
    solutions = {}
    for k in range(2, max(largest, len(segments)) + 1):
        ends = np.cumsum(1 / np.arange(1, k + 1)) / np.sum(1 / np.arange(1, k + 1))
        moved = np.clip(line + rng.normal(0, 0.02, n), 0, 0.999)
        solutions[k] = np.minimum(np.searchsorted(ends, moved), k - 1) + 1
    return solutions


def segment_paths(segments=PERSONAS) -> pd.DataFrame:
    rows = []
    solutions = _solutions(segments)
    for k, labels in solutions.items():
        for number in range(1, k + 1):
            own = labels == number
            name = segments[number - 1] if k == len(segments) else ""
            slsa = np.nan
            if k > 2:
                shares = np.bincount(solutions[k - 1][own], minlength=k)[1:] / own.sum()
                held = shares[shares > 0]
                slsa = 1 + (held * np.log(held)).sum() / np.log(k - 1)
            rows.append((k, f"{k}.{number}", name, int(own.sum()), slsa))
    return pd.DataFrame(rows, columns=["k", "segment", "name", "households", "slsa"])


def segment_flows(segments=PERSONAS) -> pd.DataFrame:
    rows = []
    solutions = _solutions(segments)
    for k, labels in solutions.items():
        if k == 2:
            continue
        counts = Counter(zip(labels, solutions[k - 1], strict=True))
        rows += [(k, f"{k}.{to}", f"{k - 1}.{of}", n) for (to, of), n in sorted(counts.items())]
    return pd.DataFrame(rows, columns=["k", "segment", "previous", "households"])


def segment_stability(segments=PERSONAS) -> pd.DataFrame:
    size = np.array([300 // (i + 1) for i in range(len(segments))])
    table = pd.DataFrame({"segment": segments, "size": size, "share": size / size.sum()})
    table = table.assign(share_low=table["share"] * 0.9, share_high=table["share"] * 1.1)
    table = table.assign(mix_low=table["share"] * 0.75, mix_high=table["share"] * 1.15)
    medians = segment_jaccards(segments).groupby("segment")["jaccard"]
    table["slsw_median"] = table["segment"].map(medians.median())
    table["slsw_q10"] = table["segment"].map(medians.quantile(0.1))
    return table.assign(weighted_share=np.nan)


def segment_jaccards(segments=PERSONAS, samples=50) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    names = np.repeat(list(segments), samples)
    centre = np.repeat(np.linspace(0.95, 0.7, len(segments)), samples)
    jaccard = np.clip(rng.normal(centre, 0.05), 0, 1)
    sample = np.tile(np.arange(1, samples + 1), len(segments))
    return pd.DataFrame({"segment": names, "sample": sample, "jaccard": jaccard})


def segment_sensitivity() -> pd.DataFrame:
    rows = [
        ("Loyalty: lower bound of the largest brand share", 543, 80, 0.71, "specification", ""),
        ("Loyalty: upper bound of the largest brand share", 543, 95, 0.66, "specification", ""),
        ("Loyalty: lower bound against upper bound", 543, 180, 0.41, "bounds", "Not known"),
        ("Loyalty: repeat rate alone", 543, 50, 0.79, "specification", ""),
        ("Usage: volume only", 543, 20, 0.93, "specification", ""),
        ("Deal proneness: no cap", 543, 12, 0.96, "specification", ""),
        ("With thin records", 600, 33, 0.88, "sample", "Compared on all households"),
        ("Split halves", 543, 40, 0.85, "sample", "Mean of both directions"),
    ]
    columns = ["variation", "households", "households_moved", "ari", "kind", "note"]
    table = pd.DataFrame(rows, columns=columns)
    is_varied = table["kind"] == "specification"
    table["sizes"] = np.where(is_varied, "A 300, B 243", "")
    lost = table["variation"] == "Usage: volume only"
    table["mismatch"] = np.where(lost, "No segment shows the signature of 'A'", "")
    return table


def household_positions(households: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(12)
    eligible = households[~households["thin_record"]]
    number = eligible["segment"].astype("category").cat.codes.to_numpy()
    angle = 2 * np.pi * number / (number.max() + 1)
    points = 1.6 * np.column_stack([np.cos(angle), np.sin(angle)])
    points += rng.normal(size=points.shape)
    return pd.DataFrame(
        {
            "household_id": eligible["household_id"],
            "segment": eligible["segment"],
            "silhouette": rng.uniform(-0.15, 0.6, len(eligible)),
            "component_1": points[:, 0],
            "component_2": points[:, 1],
            "component_1_share": 0.43,
            "component_2_share": 0.27,
        }
    ).reset_index(drop=True)


def segment_hulls(positions: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for segment, rows in positions.groupby("segment"):
        points = rows[["component_1", "component_2"]].to_numpy()
        distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
        near = distance <= np.median(distance)
        for part, held in {"outer": points, "core": points[near]}.items():
            if len(held) < 3:  # too few for an outline
                continue
            ends = ConvexHull(held).vertices
            polygon = pd.DataFrame(held[[*ends, ends[0]]], columns=["component_1", "component_2"])
            parts.append(polygon.assign(segment=segment, part=part, step=range(len(polygon))))
    return pd.concat(parts, ignore_index=True)


def household_similarities(households: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(13)
    eligible = households[~households["thin_record"]]
    names = sorted(set(eligible["segment"]))
    own = eligible["segment"].to_numpy()[:, None] == np.array(names)
    closeness = rng.gamma(np.where(own, 6, 1))
    table = pd.DataFrame(closeness / closeness.sum(axis=1, keepdims=True), columns=names)
    table = table.assign(
        household_id=eligible["household_id"].to_numpy(), segment=eligible["segment"].to_numpy()
    )
    keys = ["household_id", "segment"]
    return table.melt(id_vars=keys, var_name="to_segment", value_name="similarity")


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
