"""The declared rule, on judgements that are made up so that one figure at a time decides."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.segments.choice import (
    challenge_finalists,
    choose_solution,
    find_chosen,
    find_finalists,
    find_tied,
    judge_candidates,
)
from customer_segmentation.segments.evidence import label_candidates, place_households
from customer_segmentation.segments.measures import simulate_nulls
from customer_segmentation.segments.parameters import Choice, Pin
from customer_segmentation.segments.partition import Purpose, seed_for
from customer_segmentation.segments.scores import SegmentationError

KMEANS, WARD = "buying_style.plain.kmeans", "buying_style.plain.ward"
MIXTURE = "buying_style.plain.gaussian_mixture"
BASIS = "basis_for_purchase.plain.kmeans"
REFERENCE = "heavy_and_light_users"
GOOD = {
    "smallest_share": 0.2,
    "slsw_min_median": 0.9,
    "slsw_min_q10": 0.8,
    "pipeline_ari_q10": 0.8,
    "pipeline_ari_median": 0.88,
    "ari_mc_error": 0.01,
    "global_ari_median": 0.9,
    "silhouette": 0.3,
}


def evidence(*changes, names=(KMEANS, WARD, BASIS, REFERENCE), counts=(2, 3, 4)):
    """Good evidence for every candidate; a change is (specification, k, figures)."""
    table = pd.DataFrame([{"specification": n, "k": k, **GOOD} for n, k in product(names, counts)])
    for name, k, figures in changes:
        row = (table["specification"] == name) & (table["k"] == k)
        assert row.sum() == 1
        table.loc[row, list(figures)] = list(figures.values())
    return table


@pytest.fixture(scope="module")
def numbered(segmentation):
    """The ordinary rule where segments may be numbered, and only 2 or 3 of them be chosen."""
    naming = segmentation.naming.model_copy(update={"when_unmatched": "number"})
    counts = segmentation.counts.model_copy(update={"largest": 3, "scored_to": 4})
    return segmentation.model_copy(update={"naming": naming, "counts": counts})


def with_choice(segmentation, **update):
    choice = Choice.model_validate(segmentation.choice.model_dump() | update)
    return segmentation.model_copy(update={"choice": choice})


@pytest.fixture
def judge(_eligible, codebook, numbered):
    """Judge made-up evidence; labels play no part where segments may be numbered."""

    def _judge(table, segmentation=numbered):
        no_labels = pd.DataFrame(columns=["specification", "k", "label"])
        return judge_candidates(_eligible, no_labels, table, codebook, segmentation)

    return _judge


def reason(judged, name, k):
    row = judged[(judged["specification"] == name) & (judged["k"] == k)].iloc[0]
    assert row["admissible"] == (row["reason"] == "")
    return row["reason"]


def test_good_evidence_is_admitted_where_the_rule_allows_it(judge):
    judged = judge(evidence())
    admitted = judged[judged["admissible"]]
    assert list(zip(admitted["specification"], admitted["k"], strict=True)) == [
        (KMEANS, 2),
        (KMEANS, 3),
        (WARD, 2),
        (WARD, 3),
    ]
    assert reason(judged, KMEANS, 4) == "scored only: too many segments to be chosen"
    for k in (2, 3):
        assert reason(judged, REFERENCE, k) == "a reference, for comparison only"
        assert reason(judged, BASIS, k) == (
            "does not measure loyalty by repeat_rate; does not measure deal_proneness by "
            "promo_share; does not measure usage by log_volume"
        )


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"smallest_share": 0.0786}, "its smallest segment holds 7.86%, less than 8.00%"),
        ({"smallest_share": 0.05}, "its smallest segment holds 5.00%, less than 8.00%"),
        ({"slsw_min_median": 0.74}, "its least stable segment has a median of 0.740, below 0.75"),
        ({"slsw_min_q10": 0.5}, "its least stable segment has a 10% quantile of 0.500, below 0.6"),
    ],
)
def test_each_figure_alone_can_refuse_a_solution(judge, figures, words):
    judged = judge(evidence((KMEANS, 3, figures)))
    assert reason(judged, KMEANS, 3) == words
    assert (judged["reason"] == "").sum() == 3


def test_figures_that_just_reach_the_rule_are_enough(judge):
    least = {"smallest_share": 0.08, "slsw_min_median": 0.75, "slsw_min_q10": 0.6}
    assert reason(judge(evidence((KMEANS, 3, least))), KMEANS, 3) == ""


def test_all_reasons_are_told(judge):
    bad = {"smallest_share": 0.01, "slsw_min_median": 0.1, "slsw_min_q10": 0.1}
    told = reason(judge(evidence((KMEANS, 4, bad))), KMEANS, 4)
    assert len(told.split("; ")) == 4


def test_the_weight_of_a_construct_refuses_a_specification(judge, numbered):
    heavy = numbered.constructs[2].model_copy(update={"weight": 2.0})
    constructs = (*numbered.constructs[:2], heavy, *numbered.constructs[3:])
    judged = judge(evidence(), numbered.model_copy(update={"constructs": constructs}))
    assert reason(judged, KMEANS, 3) == "usage has the weight 2, not 1"
    assert not judged["admissible"].any()


def test_loyalty_without_the_required_indicator_is_refused(judge, numbered):
    loyalty = numbered.constructs[0].change_indicators({"repeat_rate": None})
    constructs = (loyalty, *numbered.constructs[1:])
    judged = judge(evidence(), numbered.model_copy(update={"constructs": constructs}))
    assert reason(judged, KMEANS, 3) == "does not measure loyalty by repeat_rate"


def test_a_judgement_tells_what_the_candidate_is(judge):
    judged = judge(evidence()).set_index(["specification", "k"])
    row = judged.loc[(WARD, 3)]
    assert (row["view"], row["transform"], row["algorithm"]) == ("buying_style", "plain", "ward")
    assert row["variables"] == (
        "repeat_rate, brand_loyalty_mid, promo_share, log_volume, log_transactions"
    )
    assert row["households_per_variable"] == pytest.approx(543 / 5)
    assert row["slsw_min_q10"] == 0.8
    assert judged["reference"].groupby("specification").all().to_dict() == {
        KMEANS: False,
        WARD: False,
        BASIS: False,
        REFERENCE: True,
    }
    choosable = judged[judged["choosable"]].index.tolist()
    assert choosable == list(product((KMEANS, WARD, BASIS), (2, 3)))


@pytest.fixture(scope="module")
def labels(_eligible, codebook, segmentation):
    grid = segmentation.grid.model_copy(
        update={"transforms": ("plain",), "algorithms": ("kmeans",), "references": ()}
    )
    counts = segmentation.counts.model_copy(update={"scored_to": 4})
    smaller = segmentation.model_copy(update={"grid": grid, "counts": counts})
    return label_candidates(_eligible, codebook, smaller)


def test_signatures_are_asked_for_unless_segments_may_be_numbered(
    eligible, labels, codebook, segmentation
):
    table = evidence(names=(KMEANS, BASIS))
    judged = judge_candidates(eligible, labels, table, codebook, segmentation)
    assert reason(judged, KMEANS, 3) == ""
    assert reason(judged, KMEANS, 2) == "There are 2 segments, but 3 personas"
    assert reason(judged, KMEANS, 4) == "There are 4 segments, but 3 personas"
    assert reason(judged, BASIS, 3).split("; ")[-1].startswith("No segment shows the signature of")
    naming = segmentation.naming.model_copy(update={"when_unmatched": "number"})
    free = segmentation.model_copy(update={"naming": naming})
    judged = judge_candidates(eligible, labels, table, codebook, free)
    assert [reason(judged, KMEANS, k) for k in (2, 3, 4)] == ["", "", ""]
    assert "signature" not in reason(judged, BASIS, 3)


def nulls(finalists, excess=None, copula=(0.5, 0.2)):
    """Made-up nulls: the permuted one 0.9 less the excess, the copula's as told."""
    rows = []
    for name, k in finalists:
        permuted = 0.9 - (excess or {}).get((name, k), 0.1)
        for draw in range(1, 22):
            # Spread evenly: the 95 % quantile is the second largest, 1.125 above the median.
            step = (draw - 11) / 8
            rows.append((name, k, "permuted", draw, permuted + step, 0.1 + step))
            rows.append((name, k, "copula", draw, copula[0] + step, copula[1] + step))
    return pd.DataFrame(rows, columns=["specification", "k", "null", "draw", "ari", "silhouette"])


def keys_of(table):
    return list(zip(table["specification"], table["k"], strict=True))


def choose(judged, segmentation, **made_up):
    finalists = find_finalists(judged, segmentation)
    return choose_solution(judged, nulls(keys_of(finalists), **made_up), segmentation)


def the(table, flag):
    rows = keys_of(table[table[flag]])
    assert len(rows) <= 1
    return rows[0] if rows else None


def q10(name, k, value, error=0.01):
    return (name, k, {"pipeline_ari_q10": value, "ari_mc_error": error})


def test_the_most_stable_wins_beyond_the_error_whatever_its_excess(judge, numbered):
    judged = judge(evidence(q10(KMEANS, 3, 0.82), q10(WARD, 2, 0.79), q10(WARD, 3, 0.78)))
    judged.loc[judged["pipeline_ari_q10"] == 0.8, "pipeline_ari_q10"] = 0.7
    excess = {(KMEANS, 3): -0.5, (WARD, 2): 0.4, (WARD, 3): 0.4, (KMEANS, 2): 0.4}
    table = choose(judged, numbered, excess=excess)
    assert the(table, "chosen") == the(table, "by_rule") == (KMEANS, 3)
    ranked = table[table["rank"].notna()].sort_values("rank")
    assert keys_of(ranked) == [(KMEANS, 3), (WARD, 2), (WARD, 3), (KMEANS, 2)]
    assert ranked["rank"].tolist() == [1, 2, 3, 4]


def test_ties_go_to_the_larger_excess_then_to_fewer_segments(judge, numbered):
    judged = judge(evidence(q10(KMEANS, 3, 0.805), q10(KMEANS, 2, 0.5), q10(WARD, 3, 0.797)))
    tied = [(KMEANS, 3), (WARD, 2), (WARD, 3)]
    assert keys_of(find_tied(judged)) == tied
    for winner in tied:
        table = choose(judged, numbered, excess={winner: 0.2})
        assert the(table, "chosen") == winner
    # The same excess: fewer segments, although the others are a little more stable.
    table = choose(judged, numbered)
    assert keys_of(table.sort_values("rank").head(3)) == [(WARD, 2), (KMEANS, 3), (WARD, 3)]


def test_the_error_of_the_difference_tells_a_tie(judge):
    best = q10(KMEANS, 3, 0.9, 0.01)
    others = (q10(KMEANS, 2, 0.1), q10(WARD, 3, 0.1))
    for error, own, tied in (
        (0.01, 0.01, False),
        (0.03, 0.03, False),
        (0.04, 0.04, True),
        (0.01, 0.06, True),
        (0.06, 0.01, True),
    ):
        judged = judge(evidence(q10(KMEANS, 3, 0.9, error), q10(WARD, 2, 0.85, own), *others))
        assert ((WARD, 2) in keys_of(find_tied(judged))) is tied
    # Errors count from the best, not from one tied solution to the next.
    judged = judge(evidence(best, q10(KMEANS, 2, 0.895), q10(WARD, 2, 0.884), others[1]))
    assert keys_of(find_tied(judged)) == [(KMEANS, 3), (KMEANS, 2)]


def test_what_is_not_admitted_neither_wins_nor_ties(judge, numbered):
    judged = judge(
        evidence(
            q10(REFERENCE, 2, 0.99),
            q10(BASIS, 2, 0.98),
            q10(KMEANS, 4, 0.97),
            q10(WARD, 3, 0.85, 0.001),
            (WARD, 2, {"smallest_share": 0.01, "pipeline_ari_q10": 0.9}),
        )
    )
    table = choose(judged, numbered)
    assert the(table, "chosen") == (WARD, 3)
    unranked = table[table["rank"].isna()]
    assert keys_of(unranked) == keys_of(table[~table["admissible"]])
    assert not unranked["by_rule"].any()


def test_at_most_as_many_ties_as_asked_for_go_on(judge, numbered):
    judged = judge(evidence(q10(WARD, 3, 0.803), q10(WARD, 2, 0.802), q10(KMEANS, 3, 0.801)))
    one = with_choice(numbered, finalists=1)
    finalists = keys_of(find_finalists(judged, one))
    # The first, and its other number of segments for the chart.
    assert finalists == [(WARD, 2), (WARD, 3)]
    assert the(choose(judged, one, excess={(KMEANS, 3): 0.9}), "chosen") == (WARD, 3)
    # Any of those that tie may win, so all get their other numbers of segments.
    every = keys_of(find_finalists(judged, numbered))
    assert every == [(KMEANS, 2), (KMEANS, 3), (WARD, 2), (WARD, 3)]


def test_the_pin_overrules_and_both_choices_are_shown(judge, numbered):
    judged = judge(evidence(q10(KMEANS, 3, 0.9), (WARD, 2, {"smallest_share": 0.01})))
    pinned = with_choice(numbered, pin=Pin(specification=WARD, segments=2))
    assert keys_of(find_finalists(judged, pinned)) == [
        (KMEANS, 2),
        (KMEANS, 3),
        (WARD, 2),
        (WARD, 3),
    ]
    table = choose(judged, pinned)
    assert the(table, "chosen") == (WARD, 2)
    assert the(table, "by_rule") == (KMEANS, 3)
    row = table[table["chosen"]].iloc[0]
    assert not row["admissible"]
    assert pd.isna(row["rank"])
    assert row["verdict"] != ""
    # The rule does not look at the pin.
    free = choose(judged, numbered)
    pd.testing.assert_series_equal(free["rank"], table["rank"])


def test_a_pin_that_the_rule_would_choose_too(judge, numbered):
    judged = judge(evidence(q10(KMEANS, 3, 0.9)))
    pinned = with_choice(numbered, pin=Pin(specification=KMEANS, segments=3))
    table = choose(judged, pinned)
    assert the(table, "chosen") == the(table, "by_rule") == (KMEANS, 3)


NONE = [(name, k, {"smallest_share": 0.01}) for name, k in product((KMEANS, WARD), (2, 3, 4))]


def test_a_pin_works_where_the_rule_admits_nothing(judge, numbered):
    judged = judge(evidence(*NONE))
    table = choose(judged, with_choice(numbered, pin=Pin(specification=WARD, segments=3)))
    assert the(table, "chosen") == (WARD, 3)
    assert the(table, "by_rule") is None
    assert table["rank"].isna().all()


def test_without_an_admissible_solution_the_nearest_are_named(judge, numbered):
    worse = [(name, k, {**figures, "slsw_min_q10": 0.1}) for name, k, figures in NONE]
    judged = judge(evidence(NONE[0], *worse[1:]))
    with pytest.raises(SegmentationError) as error:
        find_finalists(judged, numbered)
    first, *nearest = str(error.value).splitlines()
    assert "segmentation.choice.pin" in first
    assert len(nearest) == 5
    assert nearest[0].strip() == f"{KMEANS} with 2 segments: {reason(judged, KMEANS, 2)}"
    assert nearest[1].strip().startswith(f"{KMEANS} with 3 segments: its smallest segment holds 1")
    # What could never be chosen is not near.
    assert not any(REFERENCE in line or "with 4" in line for line in nearest)
    # A choice from tables of an earlier run says the same.
    with pytest.raises(SegmentationError, match="admits no solution"):
        choose_solution(judged, nulls([(KMEANS, 3)]), numbered)


@pytest.mark.parametrize(
    ("index", "silhouette", "refitted", "verdict"),
    [
        # The copula's 95 % quantiles are 0.875 (index) and 0.25 (silhouette).
        (0.88, 0.26, 0.1, "natural"),
        (0.88, 0.24, 0.7, "reproducible"),
        (0.87, 0.26, 0.7, "reproducible"),
        (0.88, 0.24, 0.69, "constructive"),
        (0.87, 0.26, 0.69, "constructive"),
        (0.875, 0.26, 0.9, "reproducible"),
        (0.88, 0.25, 0.9, "reproducible"),
    ],
)
def test_verdicts(judge, numbered, index, silhouette, refitted, verdict):
    figures = {"global_ari_median": index, "silhouette": silhouette, "pipeline_ari_q10": refitted}
    judged = judge(evidence((KMEANS, 3, figures)))
    table = choose_solution(judged, nulls([(KMEANS, 3)], copula=(-0.25, -0.875)), numbered)
    row = table[(table["specification"] == KMEANS) & (table["k"] == 3)].iloc[0]
    assert row["null_copula_ari_q95"] == 0.875
    assert row["null_copula_silhouette_q95"] == 0.25
    assert row["verdict"] == verdict


def test_only_finalists_get_nulls_an_excess_and_a_verdict(judge, numbered):
    judged = judge(evidence(q10(KMEANS, 3, 0.9)))
    table = choose(judged, numbered, excess={(KMEANS, 3): 0.05})
    final = table["specification"].eq(KMEANS) & table["k"].isin([2, 3])
    columns = [
        f"null_{null}_{measure}{suffix}"
        for null, measure, suffix in product(
            ("permuted", "copula"), ("ari", "silhouette"), ("", "_q95")
        )
    ]
    assert table.loc[final, columns].notna().all(axis=None)
    assert table.loc[~final, [*columns, "null_excess"]].isna().all(axis=None)
    assert (table.loc[~final, "verdict"] == "").all()
    row = table[table["chosen"]].iloc[0]
    assert row["null_permuted_ari"] == pytest.approx(0.85)
    assert row["null_permuted_ari_q95"] == pytest.approx(0.85 + 1.125)
    assert row["null_excess"] == pytest.approx(0.05)
    assert row["null_copula_silhouette"] == pytest.approx(0.2)
    assert len(table) == len(judged)
    assert table[judged.columns].equals(judged)


def test_the_order_of_the_nulls_changes_nothing(judge, numbered):
    judged = judge(evidence(q10(KMEANS, 3, 0.805)))
    drawn = nulls(keys_of(find_finalists(judged, numbered)))
    turned = drawn.sample(frac=1, random_state=1)
    first, second = (choose_solution(judged, each, numbered) for each in (drawn, turned))
    pd.testing.assert_frame_equal(first, second)


def test_the_chosen_solution_is_found_again(judge, codebook, numbered):
    table = choose(judge(evidence(q10(KMEANS, 3, 0.9))), numbered)
    specification, k = find_chosen(table, codebook, numbered)
    assert (specification, k) == (numbered.specifications(codebook)[KMEANS], 3)
    assert type(k) is int
    other = numbered.grid.model_copy(update={"algorithms": ("ward",)})
    fewer = numbered.counts.model_copy(update={"largest": 2})
    for update in ({"grid": other}, {"counts": fewer}):
        with pytest.raises(SegmentationError, match=f"{KMEANS}' with 3 .*kedro run --tags"):
            find_chosen(table, codebook, numbered.model_copy(update=update))


def test_inputs_stay_as_they_are(judge, numbered):
    table = evidence()
    judged = judge(table)
    pd.testing.assert_frame_equal(table, evidence())
    before, drawn = judged.copy(), nulls(keys_of(find_finalists(judged, numbered)))
    copy = drawn.copy()
    choose_solution(judged, drawn, numbered)
    pd.testing.assert_frame_equal(judged, before)
    pd.testing.assert_frame_equal(drawn, copy)
    assert np.issubdtype(judged["admissible"].dtype, np.bool_)


def test_nulls_of_a_finalist_do_not_depend_on_the_others(
    eligible, codebook, judge, numbered, few_pairs
):
    judged = judge(evidence(q10(KMEANS, 3, 0.9), q10(WARD, 3, 0.9)))
    few = numbered.model_copy(update={"evidence": few_pairs.evidence})
    table = challenge_finalists(eligible, judged, codebook, few)
    assert list(table) == ["specification", "k", "null", "draw", "ari", "silhouette"]
    sizes = table.groupby(["specification", "k", "null"]).size()
    assert len(sizes) == 4 * 2
    assert (sizes == 4).all()
    specification = few.specifications(codebook)[KMEANS]
    scores = place_households(eligible, specification, codebook)
    seed = seed_for(2018, Purpose.NULL)
    alone = simulate_nulls(scores, [3], specification.method, 4, 2, seed, 1)
    own = table[(table["specification"] == KMEANS) & (table["k"] == 3)]
    pd.testing.assert_frame_equal(
        own.drop(columns="specification").reset_index(drop=True), alone, check_exact=True
    )
