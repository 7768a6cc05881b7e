"""The evidence for every candidate, by scikit-learn, plain loops and made-up results."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)

from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments import evidence
from customer_segmentation.segments.evidence import (
    bootstrap_candidates,
    compare_specifications,
    gather_evidence,
    group_by_solution,
    label_candidates,
    place_households,
    separate_candidates,
)
from customer_segmentation.segments.measures import FIXED, PIPELINE, PairResult, compare_pair
from customer_segmentation.segments.parameters import Pin
from customer_segmentation.segments.partition import Purpose, seed_for
from customer_segmentation.segments.specification import Reference

KMEANS = "buying_style.plain.kmeans"
MIXTURE = "buying_style.plain.gaussian_mixture"
WARD = "buying_style.plain.ward"
BASIS = "basis_for_purchase.plain.kmeans"
REFERENCE = "heavy_and_light_users"


@pytest.fixture(scope="module")
def small(few_pairs):
    """A small grid: two views, one transform, three algorithms, one reference."""
    grid = few_pairs.grid
    update = {"transforms": ("plain",), "views": grid.views[:2], "references": grid.references[:1]}
    update["solution_starts"] = 100
    return few_pairs.model_copy(
        update={
            "grid": grid.model_copy(update=update),
            "counts": few_pairs.counts.model_copy(update={"largest": 3, "scored_to": 4}),
        }
    )


@pytest.fixture(scope="module")
def labels(_eligible, codebook, small):
    return label_candidates(_eligible, codebook, small)


@pytest.fixture(scope="module")
def bootstrapped_grid(_eligible, labels, codebook, small):
    return bootstrap_candidates(_eligible, labels, codebook, small)


def labels_of(table, name, k):
    return table[(table["specification"] == name) & (table["k"] == k)]["label"].to_numpy()


def scores_of(name, households, codebook, segmentation):
    specification = segmentation.specifications(codebook)[name]
    return place_households(households, specification, codebook)


def test_every_household_has_a_label_in_every_candidate(labels, eligible, codebook, small):
    names = list(small.specifications(codebook))
    assert len(names) == 7
    expected = [(name, k) for name in names for k in (2, 3, 4)]
    assert [key for key, _ in group_by_solution(labels)] == expected
    for (_, k), group in group_by_solution(labels):
        assert group["household_id"].tolist() == eligible["household_id"].tolist()
        assert set(group["label"]) == set(range(k))


@pytest.mark.parametrize(
    ("name", "k"), [(KMEANS, 2), (KMEANS, 3), (KMEANS, 4), (BASIS, 2), (REFERENCE, 3)]
)
def test_labels_are_those_of_another_kmeans(labels, eligible, codebook, small, name, k):
    scores = scores_of(name, eligible, codebook, small)
    found, other = labels_of(labels, name, k), KMeans(k, n_init=60, tol=0, random_state=1)
    means = np.array([scores[found == number].mean(axis=0) for number in range(k)])
    # At three segments several optima nearly tie, and ours may be the better one.
    assert ((scores - means[found]) ** 2).sum() <= other.fit(scores).inertia_ * (1 + 1e-12)
    assert adjusted_rand_score(found, other.labels_) > 0.97


def test_labels_are_those_of_another_hierarchy(labels, eligible, codebook, small):
    scores = scores_of(WARD, eligible, codebook, small)
    for k in (2, 3, 4):
        tree = AgglomerativeClustering(k, linkage="ward").fit_predict(scores)
        centres = np.array([scores[tree == number].mean(axis=0) for number in range(k)])
        distances = ((scores[:, None] - centres) ** 2).sum(axis=2)
        assert adjusted_rand_score(labels_of(labels, WARD, k), distances.argmin(axis=1)) == 1


def test_a_candidate_does_not_depend_on_the_rest_of_the_grid(labels, eligible, codebook, small):
    grid = small.grid.model_copy(update={"algorithms": ("ward", "kmeans"), "references": ()})
    counts = small.counts.model_copy(update={"scored_to": 3})
    other = label_candidates(
        eligible, codebook, small.model_copy(update={"grid": grid, "counts": counts})
    )
    for (name, k), group in group_by_solution(other):
        assert (group["label"].to_numpy() == labels_of(labels, name, k)).all()


def test_separation_is_that_of_scikit_learn(eligible, labels, codebook, small):
    one, two = (
        separate_candidates(
            eligible, labels, codebook, small.model_copy(update={"processes": processes})
        )
        for processes in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    table = one.set_index(["specification", "k"])
    assert len(table) == 7 * 3
    for name, k in ((KMEANS, 3), (MIXTURE, 4), (REFERENCE, 2)):
        scores, own = scores_of(name, eligible, codebook, small), labels_of(labels, name, k)
        row = table.loc[(name, k)]
        assert row["silhouette"] == pytest.approx(silhouette_score(scores, own))
        assert row["calinski_harabasz"] == pytest.approx(calinski_harabasz_score(scores, own))
        assert row["davies_bouldin"] == pytest.approx(davies_bouldin_score(scores, own))
        smallest = min((own == number).sum() for number in range(k))
        assert row["smallest_share"] == pytest.approx(smallest / 543)
    assert table.loc[(KMEANS, 3), "silhouette"] == pytest.approx(0.30, abs=0.005)
    assert table.loc[(KMEANS, 3), "smallest_share"] == pytest.approx(110 / 543)
    assert (table["gap_se"] > 0).all()


def test_agreements_and_recoveries_are_those_of_the_pairs(
    bootstrapped_grid, eligible, labels, codebook, small
):
    agreements, recoveries = bootstrapped_grid
    specification = small.specifications(codebook)[KMEANS]
    references = {(KMEANS, 3): labels_of(labels, KMEANS, 3)}
    values = derive_features(eligible, codebook, specification.variables)
    results = [
        compare_pair(values, [specification], references, [3], seed_for(2018, Purpose.PAIR, pair))
        for pair in range(1, 7)
    ]
    own = agreements[(agreements["specification"] == KMEANS) & (agreements["k"] == 3)]
    for mode in (FIXED, PIPELINE):
        part = own[own["mode"] == mode]
        assert part["pair"].tolist() == [1, 2, 3, 4, 5, 6]
        expected = [each.agreements[KMEANS, 3, mode] for each in results]
        assert part["ari"].tolist() == expected
    drawn = np.concatenate([each.jaccards[KMEANS, 3] for each in results])
    row = recoveries[(recoveries["specification"] == KMEANS) & (recoveries["k"] == 3)]
    assert row["label"].tolist() == [0, 1, 2]
    assert row["slsw_median"].tolist() == [np.median(drawn[:, i]) for i in range(3)]
    # The 10 % quantile of 12 values lies a tenth of the way from the second to the third.
    second, third = np.sort(drawn, axis=0)[1:3]
    assert row["slsw_q10"].tolist() == pytest.approx(0.9 * second + 0.1 * third)


def test_the_number_of_workers_changes_nothing(
    bootstrapped_grid, eligible, labels, codebook, small
):
    alone = small.model_copy(update={"processes": 1})
    again = bootstrap_candidates(eligible, labels, codebook, alone)
    for table, expected in zip(again, bootstrapped_grid, strict=True):
        pd.testing.assert_frame_equal(table, expected, check_exact=True)


def test_a_reference_may_be_called_like_a_view(
    bootstrapped_grid, eligible, labels, codebook, small
):
    renamed = Reference(name="buying_style", variables=small.grid.references[0].variables)
    grid = small.grid.model_copy(update={"references": (renamed,)})
    new = labels.replace({"specification": {REFERENCE: "buying_style"}})
    changed = small.model_copy(update={"grid": grid})
    again = bootstrap_candidates(eligible, new, codebook, changed)
    for table, expected in zip(again, bootstrapped_grid, strict=True):
        old = table.replace({"specification": {"buying_style": REFERENCE}})
        pd.testing.assert_frame_equal(old, expected, check_exact=True)


@pytest.fixture
def screened(monkeypatch, eligible, labels, codebook, small):
    """How many pairs each specification gets when its segments are as stable as made up here."""

    def screen(jaccards, naming=small.naming, **choice):
        def make_up(values, family, references, counts, seed):
            drawn = {}
            for specification, k in product(family, counts):
                made_up = (specification.view, specification.method.algorithm, k)
                pairs = jaccards.get(made_up, [(0.2, 0.2)])
                levels = pairs[seed.spawn_key[-1] % len(pairs)]
                drawn[specification.name, k] = np.tile(np.array(levels)[:, np.newaxis], k)
            agreements = {(*key, mode): 0.5 for key in drawn for mode in (FIXED, PIPELINE)}
            return PairResult(agreements, drawn)

        monkeypatch.setattr(evidence, "compare_pair", make_up)
        changed = small.model_copy(
            update={"choice": small.choice.model_copy(update=choice), "naming": naming}
        )
        agreements, _ = bootstrap_candidates(eligible, labels, codebook, changed)
        pairs = agreements.groupby(["specification", "k", "mode"])["pair"].agg(["count", "max"])
        assert (pairs["count"] == pairs["max"]).all()
        spread = pairs.groupby("specification")["count"].agg(["min", "max"])
        assert (spread["min"] == spread["max"]).all()
        return spread["max"].to_dict()

    return screen


def test_only_specifications_without_an_objection_go_on(screened):
    # Whatever the samples show: chance must not decide who gets all pairs.
    for drawn in ([(0.9, 0.9)], [(0.1, 0.1)]):
        pairs = screened({("buying_style", "kmeans", 3): drawn})
        on = {name for name, count in pairs.items() if count == 6}
        assert on == {KMEANS, WARD}
        assert set(pairs.values()) == {3, 6}


def test_signatures_do_not_screen_where_segments_may_be_numbered(screened, small):
    steady = {("buying_style", "gaussian_mixture", 2): [(0.9, 0.9)]}
    assert screened(steady)[MIXTURE] == 3
    naming = small.naming.model_copy(update={"when_unmatched": "number"})
    assert screened(steady, naming=naming)[MIXTURE] == 6


@pytest.mark.parametrize("name", [MIXTURE, BASIS])
def test_a_pinned_specification_always_goes_on(screened, name):
    pairs = screened({}, pin=Pin(specification=name, segments=2))
    assert {each for each, count in pairs.items() if count == 6} == {KMEANS, WARD, name}


def made_up_evidence():
    keys = [("a", 2), ("a", 3), ("b", 2), ("b", 3)]
    generator = np.random.default_rng(5)
    rows = [
        (name, k, mode, pair, generator.uniform())
        for name, k in keys
        for mode in (FIXED, PIPELINE)
        for pair in range(1, 12 if name == "a" else 6)
    ]
    agreements = pd.DataFrame(rows, columns=["specification", "k", "mode", "pair", "ari"])
    recoveries = pd.DataFrame(
        [
            (name, k, label, 0.9 - 0.1 * label, 0.5 + 0.1 * label)
            for name, k in keys
            for label in range(k)
        ],
        columns=["specification", "k", "label", "slsw_median", "slsw_q10"],
    )
    separations = pd.DataFrame(keys, columns=["specification", "k"]).assign(silhouette=0.3)
    return separations, agreements, recoveries


def test_evidence_is_summarised_by_hand(small):
    separations, agreements, recoveries = made_up_evidence()
    turned = agreements.sample(frac=1, random_state=2)
    table = gather_evidence(separations, turned, recoveries, small)
    assert list(zip(table["specification"], table["k"], strict=True)) == [
        ("a", 2),
        ("a", 3),
        ("b", 2),
        ("b", 3),
    ]
    assert table["pairs"].tolist() == [11, 11, 5, 5]
    assert (table["silhouette"] == 0.3).all()
    for row in table.to_dict("records"):
        own = agreements[
            (agreements["specification"] == row["specification"]) & (agreements["k"] == row["k"])
        ]
        for mode, name in ((FIXED, "global"), (PIPELINE, "pipeline")):
            ordered = sorted(own.loc[own["mode"] == mode, "ari"])
            assert row[f"{name}_ari_median"] == ordered[len(ordered) // 2]
            # 10 %: the second smallest of 11; of 5 four tenths of the way from first to second.
            low = ordered[1] if len(ordered) == 11 else 0.6 * ordered[0] + 0.4 * ordered[1]
            assert row[f"{name}_ari_q10"] == pytest.approx(low)
        assert row["slsw_min_median"] == pytest.approx(0.9 - 0.1 * (row["k"] - 1))
        assert row["slsw_min_q10"] == pytest.approx(0.5)


def test_the_monte_carlo_error_is_that_of_a_bootstrap(small):
    ari = np.random.default_rng(8).beta(8, 2, size=40)
    agreements = pd.DataFrame(
        [("a", 2, mode, i, x) for mode in (FIXED, PIPELINE) for i, x in enumerate(ari, start=1)],
        columns=["specification", "k", "mode", "pair", "ari"],
    )
    fixed = agreements["mode"] == FIXED
    agreements.loc[fixed, "ari"] = 0.5  # the error is that of the whole pipeline
    recoveries = pd.DataFrame(
        [("a", 2, 0, 0.9, 0.9)], columns=["specification", "k", "label", "slsw_median", "slsw_q10"]
    )
    separations = pd.DataFrame({"specification": ["a"], "k": [2]})
    error = gather_evidence(separations, agreements, recoveries, small)["ari_mc_error"].iloc[0]
    generator = np.random.default_rng(9)
    quantiles = [
        np.quantile(ari[[generator.integers(40) for _ in range(40)]], 0.1) for _ in range(3_000)
    ]
    # 400 resamples know a standard deviation to about 4 %.
    assert error == pytest.approx(np.std(quantiles), rel=0.12)


def test_specifications_agree_as_scikit_learn_says(labels, codebook, small):
    table = compare_specifications(labels)
    names = list(small.specifications(codebook))
    expected = [(a, b, k) for k in (2, 3, 4) for a, b in combinations(names, 2)]
    keys = zip(table["specification_a"], table["specification_b"], table["k"], strict=True)
    assert list(keys) == expected
    for row in table.to_dict("records"):
        first, second = (labels_of(labels, row[f"specification_{x}"], row["k"]) for x in "ab")
        assert row["ari"] == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)
