"""Sentences on choice, steadiness and separation follow the tables, also when they reverse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.findings import evidence, membership, specifications, stability
from tests.figures import tables


def change(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The chosen candidate with other values."""
    table = table.astype(dict.fromkeys(values, object))
    for column, value in values.items():
        table.loc[table["chosen"], column] = value
    return table.infer_objects()


@pytest.fixture
def candidates() -> pd.DataFrame:
    return tables.segmentation_candidates()


def pin(table: pd.DataFrame, position: int) -> pd.DataFrame:
    """The same candidates with another solution chosen, by its row."""
    return table.assign(chosen=np.arange(len(table)) == position)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("natural", "The 3 segments are natural: "),
        ("reproducible", "The 3 segments are reproducible, not natural: "),
        ("constructive", "The 3 segments are constructive: "),
        ("", "The 3 segments are not compared with simulated households"),
    ],
)
def test_the_verdict_of_the_table_is_told(candidates, verdict, said):
    assert evidence.judge_verdict(change(candidates, verdict=verdict)).startswith(said)


def test_steadiness_is_that_of_the_whole_procedure(candidates):
    table = change(candidates, pipeline_ari_median=0.61, pipeline_ari_q10=0.42)
    told = evidence.explain_steadiness(table, 0.7)
    assert "median adjusted Rand index of 0.61" in told
    assert "nine pairs in ten reach 0.42, and 0.70 counts" in told


def test_the_excess_over_shuffled_scores_reverses(candidates):
    more = evidence.explain_nulls(change(candidates, null_excess=0.05))
    less = evidence.explain_nulls(change(candidates, null_excess=-0.05))
    assert "is 0.90, 0.05 more than with every score shuffled" in more
    assert "is 0.90, 0.05 less than with every score shuffled" in less


@pytest.mark.parametrize(("ari", "silhouette"), [(0.89, 0.33), (0.95, 0.30)])
def test_each_measure_passes_the_null_by_itself(candidates, ari, silhouette):
    told = evidence.explain_nulls(
        change(candidates, null_copula_ari_q95=ari, null_copula_silhouette_q95=silhouette)
    )
    assert f"against {ari:.3f} ({'passed' if ari < 0.9 else 'not passed'})" in told
    assert f"against {silhouette:.3f} ({'passed' if silhouette < 0.315 else 'not passed'})" in told


def test_no_comparison_with_nulls_is_said_to_be_none(candidates):
    table = change(candidates, null_excess=np.nan)
    assert "were not compared" in evidence.explain_nulls(table)
    own = table[table["chosen"]]
    assert "chosen were not compared with nulls" in stability.compare_numbers_of_segments(own, 5)


@pytest.mark.parametrize(
    ("silhouette", "words"),
    [
        (0.71, "a strong structure has been found"),
        (0.70, "a reasonable structure has been found"),
        (0.256, "the structure is weak and could be artificial"),
        (0.25, "no substantial structure has been found"),
    ],
)
def test_separation_is_quoted_from_its_authors(candidates, silhouette, words):
    text = evidence.judge_separation(change(candidates, silhouette=silhouette))
    assert text.endswith(f"{silhouette:.2f}: {words}")


def test_the_rule_counts_the_admissible_and_those_that_tie(candidates):
    admissible, solutions = candidates["admissible"].sum(), len(candidates)
    alone = evidence.explain_rule(candidates.assign(ari_mc_error=0.001), 3)
    assert alone.startswith(f"Of {solutions} solutions, the declared rule admits {admissible} and")
    assert alone.endswith("No other comes within Monte Carlo error of the first.")
    tied = evidence.explain_rule(candidates.assign(ari_mc_error=1.0), 3)
    assert f"{admissible} tie for the first place" in tied
    assert "of the best 3, the finalists" in tied
    assert "of the best 9, the finalists" in evidence.explain_rule(
        candidates.assign(ari_mc_error=1.0), 100
    )


def test_where_nothing_is_admissible_the_rule_admits_none(candidates):
    table = candidates.assign(admissible=False, by_rule=False, reason="too small")
    assert "admits none of 28 solutions" in evidence.explain_rule(table, 3)
    told = evidence.explain_choice(table)
    assert told.startswith("The parameters pin 3 segments by “buying_style.plain.kmeans” (")
    assert told.endswith("the rule does not admit it: too small.")


def test_the_choice_of_the_rule_stands_beside_the_pin(candidates):
    candidates["by_rule"] = candidates["chosen"]
    same = evidence.explain_choice(candidates)
    assert same.startswith("The rule's choice is 3 segments by “buying_style.plain.kmeans” (")
    assert same.endswith("no parameter pins another.")
    other = evidence.explain_choice(pin(candidates, 2))
    assert other.startswith("The rule's choice is 3 segments")
    assert "The parameters pin another: 4 segments by" in other
    assert other.endswith(f"the rule gives it rank {candidates['rank'].iloc[2]}.")
    refused = evidence.explain_choice(pin(candidates, 3))
    assert refused.endswith("the rule does not admit it: smallest segment below 8 %.")


@pytest.mark.parametrize(("held", "warned"), [(69.9, True), (70.0, False)])
def test_few_households_per_variable_are_warned_of(candidates, held, warned):
    table = change(candidates, households_per_variable=held)
    assert bool(evidence.warn_of_few_households(table, 70)) is warned


def own_rows(candidates: pd.DataFrame) -> pd.DataFrame:
    return candidates[candidates["specification"] == candidates["specification"].iloc[0]]


def test_all_tied_numbers_of_segments_are_named(candidates):
    table = own_rows(candidates).copy()
    table["pipeline_ari_q10"] = [0.701, 0.699, *[0.4] * 5]
    text = stability.compare_numbers_of_segments(table, 543)
    assert text.startswith(
        "By this specification steadiest of 2 to 8 segments: 2 and 3 (10% quantile of the adjusted"
    )
    assert "index 0.70)" in text
    assert text.endswith("543\u00a0households")


@pytest.mark.parametrize(
    ("permuted", "copula", "said"),
    [
        (0.89, 0.89, "are steadier than shuffled scores and simulated households"),
        (0.89, 0.91, "are steadier than shuffled scores, not than simulated households"),
        (0.91, 0.91, "are no steadier than shuffled scores or simulated households"),
    ],
)
def test_a_null_is_beaten_beyond_its_95_quantile(candidates, permuted, copula, said):
    quantiles = {"null_permuted_ari_q95": permuted, "null_copula_ari_q95": copula}
    table = change(own_rows(candidates), **quantiles)
    assert f"the 3 chosen {said}" in stability.compare_numbers_of_segments(table, 543)


def paths(slsa: list[float], k: int = 2) -> pd.DataFrame:
    """Segments A and B of the chosen k, 60 and 40 households."""
    table = pd.DataFrame({"k": k, "segment": [f"{k}.1", f"{k}.2"], "name": ["A", "B"]})
    return table.assign(households=[60, 40], slsa=slsa)


def test_the_segment_that_splits_is_named():
    finer = pd.DataFrame({"k": 3, "segment": ["3.1", "3.2", "3.3"], "name": None})
    table = pd.concat([paths([np.nan, np.nan]), finer.assign(households=[30, 30, 40])])
    moves = [("3.1", "2.1", 30), ("3.2", "2.1", 27), ("3.2", "2.2", 3), ("3.3", "2.1", 3)]
    moves.append(("3.3", "2.2", 37))
    flows = pd.DataFrame(moves, columns=["segment", "previous", "households"]).assign(k=3)
    assert stability.follow_segments(table, flows) == (
        "Households that stay together with 3 segments instead of 2: highest for B (92%), lowest "
        "for A (50%); n\u00a0=\u00a0100\u00a0households"
    )


def test_the_largest_number_of_segments_is_told_by_its_origins():
    none = pd.DataFrame(columns=["k", "segment", "previous", "households"])
    told = stability.follow_segments(paths([0.5, 0.9], k=3), none)
    assert "highest for B (0.90), lowest for A (0.50)" in told
    alone = stability.follow_segments(paths([np.nan, np.nan]), none)
    assert alone.startswith("No other number of segments than 2")


@pytest.mark.parametrize(
    ("jaccard", "word"),
    [
        (0.85, "highly stable"),
        (0.846, "highly stable"),
        (0.844, "stable"),
        (0.6, "doubtful"),
        (0.59, "not to be trusted"),
    ],
)
def test_the_word_is_that_of_the_least_stable_segment(jaccard, word):
    table = pd.DataFrame({"segment": ["A", "B"], "size": [3, 4], "slsw_median": [0.99, jaccard]})
    text = stability.judge_segments(table, 200)
    assert f"highest for A (0.99), lowest for B ({jaccard:.2f}): {word}; " in text
    assert "200 bootstrap samples" in text


def test_segments_that_print_alike_have_no_extremes():
    values = pd.Series({"A": 0.901, "B": 0.899})
    assert stability.name_extremes(values, "{:.2f}".format) == "0.90 for A and B"


def test_the_largest_segment_is_told_with_its_ranges():
    table = tables.segment_stability(("A", "B"))
    text = membership.judge_sizes(table, "class")
    assert text.startswith("A: 67% of the households, 60% to 73% by the 95% interval, 50% to 77%")
    reversed_shares = table.assign(share=table["share"].to_numpy()[::-1])
    assert membership.judge_sizes(reversed_shares, "class").startswith("B: 67%")


def test_similarity_is_that_to_the_own_segment():
    table = pd.DataFrame(
        {
            "household_id": [1, 1, 2, 2, 3, 3],
            "segment": ["A", "A", "A", "A", "B", "B"],
            "to_segment": ["A", "B"] * 3,
            "similarity": [0.9, 0.1, 0.4, 0.6, 0.3, 0.7],
        }
    )
    summary = membership.summarise_similarities(table).set_index("segment")
    assert summary["median"].to_dict() == pytest.approx({"A": 0.65, "B": 0.7})
    assert summary["mostly_own"].to_dict() == {"A": 0.5, "B": 1.0}
    text = membership.judge_similarities(table)
    assert "highest for B (0.70), lowest for A (0.65); 0.50 is no preference" in text


def test_a_household_in_the_outline_of_another_segment_is_astray():
    square = pd.DataFrame({"component_1": [0, 2, 2, 0, 0], "component_2": [0, 0, 2, 2, 0]})
    hull = square.assign(part="core", step=range(5))
    hulls = pd.concat([hull.assign(segment="A"), (hull.assign(segment="A", part="outer"))])
    positions = pd.DataFrame(
        {
            "segment": ["A", "B", "B", "B"],
            "component_1": [1.0, 1.0, 3.0, 1.0],
            "component_2": [1.0, 0.5, 1.0, -1.0],
            "component_1_share": 0.5,
            "component_2_share": 0.25,
        }
    )
    for drawn in (hulls, hulls[::-1]):  # clockwise or not, in any order of rows
        counts = membership.summarise_positions(positions, drawn).set_index("segment")
        assert counts["astray"].to_dict() == {"A": 0, "B": 1}
    clockwise = hulls.assign(step=4 - hulls["step"])
    assert membership.summarise_positions(positions, clockwise)["astray"].sum() == 1
    text = membership.judge_positions(positions, hulls)
    assert "hold 75% of the variance, 25% of the households lie inside the outline" in text
    assert membership.summarise_positions(positions, hulls.head(0))["astray"].sum() == 0


def test_households_nearer_to_another_segment_are_counted():
    positions = pd.DataFrame({"segment": ["A", "A", "B"], "silhouette": [-0.1, 0.2, 0.0]})
    text = membership.judge_silhouettes(positions)
    assert text.startswith("1 household (33%) with a silhouette below 0")
    assert "share highest for A (50%), lowest for B (0%)" in text
    none = membership.judge_silhouettes(positions.assign(silhouette=0.1))
    assert none.startswith("0 households (0%)")
    assert "share 0% for A and B" in none


def test_the_agreement_table_starts_with_the_chosen_and_ends_with_references(candidates):
    table = pin(candidates, 9)  # the second specification with 4 segments
    names = list(dict.fromkeys(table["specification"]))
    agreement = pd.concat([tables.specification_agreement(k=3), tables.specification_agreement()])
    agreement = agreement.assign(k=[4] * 6 + [3] * 6, ari=np.arange(12) / 12)
    laid = specifications.tabulate_agreement(table, agreement)
    assert laid["specification"].tolist() == [names[1], names[0], names[2], names[3]]
    assert laid["reference"].tolist() == [False, False, False, True]
    values = laid[["1", "2", "3", "4"]].to_numpy()
    np.testing.assert_array_equal(values, values.T)
    assert np.isnan(values.diagonal()).all()
    for row in agreement[agreement["k"] == 4].to_dict("records"):
        first, second = (
            laid["specification"].tolist().index(row[f"specification_{x}"]) for x in "ab"
        )
        assert values[first, second] == row["ari"]


def test_agreement_is_told_for_the_chosen_specification(candidates):
    laid = pd.DataFrame({"1": [np.nan, 0.2, 0.9, 0.5]})
    text = specifications.judge_agreement(laid, candidates, 543)
    assert "those of 3 other specifications: 0.20 to 0.90, median 0.50" in text
    alone = specifications.judge_agreement(laid.head(1), candidates, 543)
    assert alone.startswith("No other specification for 3 segments")


def test_a_pinned_solution_says_so_first(candidates):
    assert evidence.tell_pinned(candidates.assign(by_rule=candidates["chosen"])) == ""
    assert "pinned by the parameters" in evidence.tell_pinned(candidates.assign(by_rule=False))


def test_what_hangs_on_the_recipe_parts_the_same_columns_from_others(candidates):
    names = ["one.plain.a", "one.plain.b", "one.arcsine.a", "two.plain.a"]
    laid = pd.DataFrame({"specification": names, "1": [np.nan, 0.2, 0.9, 0.5]})
    varied = pd.DataFrame({"sizes": ["1, 2", "2, 1", ""], "mismatch": ["none shows A", "", ""]})
    text = specifications.tell_recipe(laid, varied, candidates, is_named=True)
    assert text.startswith(
        "What hangs on the recipe: adjusted Rand index with these 3 segments 0.20 to 0.90 for the "
        "same columns, transformed or grouped otherwise (2 specifications) and 0.50 for other "
        "choices of columns (1 specification); 1 of 2 variations of it do not show all personas "
        "again"
    )
    assert "variations" not in specifications.tell_recipe(laid, varied, candidates, is_named=False)
    own = candidates[
        candidates["specification"] == evidence.chosen_candidate(candidates)["specification"]
    ]
    others = {k for k in evidence.prefer_by_index(own).values() if k != 3}
    told = re.search(r"of 4 indices that ask for no personas prefers? ([\d, and]+) segments", text)
    assert set(map(int, re.findall(r"\d", told[1] if told else ""))) == others


def test_sensitivity_names_the_decisions_that_move_most_and_least():
    table = specifications.add_share_moved(tables.segment_sensitivity())
    text = specifications.judge_sensitivity(table)
    assert "highest for “Loyalty: lower bound against upper bound” (33%)" in text
    assert "lowest for “Deal proneness: no cap” (2%)" in text
    (bounds,) = specifications.tell_bounds(table)
    assert "upper bound: 180 of 543 households (33%) change segment" in bounds
    assert specifications.tell_bounds(table[table["kind"] != "bounds"]) == []


def test_agreement_is_told_by_household_and_by_segment():
    assigned = pd.DataFrame(
        {
            "segment": ["A", "A", "A", "B"],
            "second_segment": ["B", "C", "C", "A"],
            "agreement": [0.9, 0.95, 0.4, 0.7],
        }
    )
    table = membership.summarise_agreement(assigned).set_index("segment")
    assert table.loc["A", ["steady", "unsteady"]].tolist() == [2 / 3, 1 / 3]
    assert table["rival"].to_dict() == {"A": "C", "B": "A"}
    told = membership.judge_agreement(assigned)
    assert told.startswith("2 households of 4 (50%) get the same segment in at least 90% of")
    assert "and 1 in fewer than half; share of such steady households highest for A (67%)" in told
    sure = membership.judge_agreement(assigned.assign(agreement=1.0))
    assert "4 households of 4 (100%)" in sure
    assert "and 0 in fewer than half" in sure


def test_a_single_admissible_solution_is_not_called_the_best_of_many(candidates):
    only = candidates.assign(admissible=candidates["chosen"])
    assert evidence.explain_rule(only, 3) == (
        "Of 28 solutions, the declared rule admits one, so there was nothing to rank."
    )


def test_solutions_that_only_the_personas_bar_are_counted(candidates):
    barred = candidates.assign(barred_by_personas=False)
    assert "keep no solution" in evidence.tell_barred(barred)
    barred.loc[barred.index[:3], "barred_by_personas"] = True
    barred.loc[barred.index[1], "pipeline_ari_q10"] = 0.99
    told = evidence.tell_barred(barred)
    assert told.startswith("The personas alone bar 3 solutions; the steadiest of them is")
    assert f"{barred['k'].iloc[1]} segments by" in told
    assert "(10% quantile 0.99)" in told


def test_every_index_names_the_number_it_prefers():
    table = pd.DataFrame(
        {
            "k": [2, 3, 4],
            "silhouette": [0.1, 0.3, 0.2],
            "calinski_harabasz": [9.0, 8.0, 7.0],
            "davies_bouldin": [1.2, 1.1, 1.0],
            "gap": [1.0, 1.2, 1.21],
            "gap_se": [0.05, 0.05, 0.05],
        }
    )
    told = evidence.compare_indices(table)
    assert told.endswith("silhouette 3, Calinski-Harabasz 2, Davies-Bouldin 4 and gap 3.")
    rising = evidence.compare_indices(table.assign(gap=[1.0, 2.0, 3.0]))
    assert rising.endswith("gap 4.")


def test_variations_without_all_personas_are_named():
    table = specifications.add_share_moved(tables.segment_sensitivity())
    told = specifications.tell_personas(table)
    assert told.startswith("In 1 of 5 variations not all personas are found again: “Usage: volume")
    assert "no segment shows the signature of 'A'" in told
    found = specifications.tell_personas(table.assign(mismatch=""))
    assert found == "All personas are found again in each of 5 variations."
    assert specifications.tell_personas(table.assign(sizes="")) == ""


def test_other_samples_are_told_one_by_one():
    table = specifications.add_share_moved(tables.segment_sensitivity())
    halves = specifications.tell_samples(table)[-1]
    assert halves.startswith("Split halves: 7% of the households change segment")
    assert halves.endswith("adjusted Rand index 0.85; Mean of both directions.")


def test_the_brief_verdict_joins_steadiness_with_separation(candidates):
    table = candidates.assign(verdict="reproducible", silhouette=0.3)
    assert evidence.judge_in_brief(table) == (
        "The 3 segments are reproducible, not natural; the structure is weak and could be "
        "artificial."
    )
    assert evidence.explain_verdict(table).startswith("They come back in new samples, but")
    assert evidence.judge_in_brief(table.assign(verdict="", silhouette=0.1)) == (
        "The 3 segments are not compared with simulated households; no substantial structure has "
        "been found."
    )


def test_weights_are_told_where_there_are_any():
    table = tables.segment_stability()
    assert membership.tell_weights(table).startswith("The panel carries no weights")
    told = membership.tell_weights(table.assign(share=0.25, weighted_share=[0.1, 0.3, 0.6]))
    first, *_ = table["segment"]
    assert told.startswith(f"With the households’ weights: {first} 10% instead of 25%, ")
    assert told.endswith(" 60% instead of 25%.")
