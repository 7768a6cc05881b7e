"""Agreement of bootstrap solutions, against scikit-learn and the panel's reference points."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score

from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments import bootstrap
from customer_segmentation.segments.bootstrap import (
    FIXED,
    PIPELINE,
    compare_fixed_pair,
    compare_pair,
    draw_pair,
    solve,
)
from customer_segmentation.segments.partition import (
    Method,
    Purpose,
    child_of,
    find_partitions,
    seed_for,
)
from customer_segmentation.segments.scores import learn_scores

COUNTS = [2, 3]
SEED = seed_for(2018, Purpose.PAIR, 1)


KMEANS, MIXTURE, WARD = METHODS = [
    Method(algorithm=algorithm, starts=10, variance_floor=0.1)
    for algorithm in ("kmeans", "gaussian_mixture", "ward")
]


@pytest.fixture(scope="module")
def values(_eligible, specification, codebook):
    return derive_features(_eligible, codebook, specification.variables)


@pytest.fixture(scope="module")
def scores(values, specification):
    return learn_scores(values, specification.scores).compute(values)


@pytest.fixture(scope="module")
def family(specification):
    """A specification with the same scores for every algorithm, called like it."""
    return [
        specification.model_copy(update={"name": method.algorithm, "method": method})
        for method in METHODS
    ]


@pytest.fixture(scope="module")
def references(scores):
    """The solutions on all households, for every algorithm."""
    return {
        (method.algorithm, k): labels
        for method in METHODS
        for k, labels in solve(scores, COUNTS, method, seed_for(2018, Purpose.SOLUTION)).items()
    }


@pytest.fixture(scope="module")
def result(values, family, references):
    return compare_pair(values, family, references, COUNTS, SEED)


def refit(values, specification, half, mode):
    """The scores of all households that the half's solution is found on, written anew."""
    sample = draw_pair(len(values), SEED)[half]
    learnt_on = values if mode == FIXED else values.iloc[sample]
    return sample, learn_scores(learnt_on, specification.scores).compute(values)


def nearest(scores, centres):
    """The nearest centre of each household, one household after another."""
    return np.array([np.argmin([((row - c) ** 2).sum() for c in centres]) for row in scores])


def likeliest(scores, partition):
    """The component that a household most probably comes from, by scipy's densities."""
    components = zip(partition.centres, partition.variances, partition.shares, strict=True)
    logs = [
        np.log(share) + multivariate_normal(centre, np.diag(variances)).logpdf(scores)
        for centre, variances, share in components
    ]
    return np.argmax(logs, axis=0)


@pytest.mark.parametrize("mode", [FIXED, PIPELINE])
@pytest.mark.parametrize("method", [KMEANS, MIXTURE, WARD], ids=lambda each: each.algorithm)
def test_agreement_is_that_of_labels_found_one_by_one(values, specification, result, method, mode):
    for k in COUNTS:
        labels = []
        for half in (0, 1):
            sample, placed = refit(values, specification, half, mode)
            found = find_partitions(placed, [k], method, child_of(SEED, half + 1), sample)[k]
            every = (
                likeliest(placed, found) if method is MIXTURE else nearest(placed, found.centres)
            )
            labels.append(every)
        expected = adjusted_rand_score(*labels)
        assert result.agreements[method.algorithm, k, mode] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("mode", [FIXED, PIPELINE])
def test_scikit_learn_finds_the_same_segments_in_the_samples(values, specification, result, mode):
    by_kmeans, by_ward = [], []
    for half in (0, 1):
        sample, placed = refit(values, specification, half, mode)
        kmeans = KMeans(3, n_init=60, tol=0, random_state=half).fit(placed[sample])
        by_kmeans.append(kmeans.predict(placed))
        tree = AgglomerativeClustering(3).fit_predict(placed[sample])
        centres = [placed[sample][tree == number].mean(axis=0) for number in range(3)]
        by_ward.append(nearest(placed, centres))
    for method, labels in ((KMEANS, by_kmeans), (WARD, by_ward)):
        agreement = result.agreements[method.algorithm, 3, mode]
        assert agreement == pytest.approx(adjusted_rand_score(*labels), abs=1e-12)


def test_both_modes_give_figures_of_their_own(result):
    for name in ("kmeans", "gaussian_mixture", "ward"):
        assert result.agreements[name, 3, FIXED] != result.agreements[name, 3, PIPELINE]


def test_recovery_is_that_of_the_refitted_pipeline(values, specification, references, result):
    for half in (0, 1):
        sample, placed = refit(values, specification, half, PIPELINE)
        again = KMeans(3, n_init=60, tol=0, random_state=0).fit(placed[sample]).predict(placed)
        sets = [set(np.flatnonzero(again == number)) for number in range(3)]
        for number in range(3):
            own = set(np.flatnonzero(references["kmeans", 3] == number))
            expected = max(len(own & other) / len(own | other) for other in sets)
            assert result.jaccards["kmeans", 3][half, number] == pytest.approx(expected)


def test_nothing_depends_on_what_else_is_compared(values, family, references, result):
    # The mixture alone finds its own k-means; among others it takes over the one that is known.
    for specification in family:
        for k in COUNTS:
            name = specification.name
            alone = compare_pair(values, [specification], references, [k], SEED)
            assert set(alone.agreements) == {(name, k, FIXED), (name, k, PIPELINE)}
            for key, agreement in alone.agreements.items():
                assert agreement == result.agreements[key]
            assert (alone.jaccards[name, k] == result.jaccards[name, k]).all()


def test_the_order_of_the_methods_changes_nothing(values, family, references, result):
    again = compare_pair(values, family[::-1], references, COUNTS, SEED)
    assert again.agreements == result.agreements
    assert all((again.jaccards[key] == result.jaccards[key]).all() for key in references)


@pytest.fixture
def found(monkeypatch):
    """Every partition that is found, in order."""
    remembered = []

    def remember(*arguments):
        partitions = find_partitions(*arguments)
        remembered.append(partitions)
        return partitions

    monkeypatch.setattr(bootstrap, "find_partitions", remember)
    return remembered


def test_households_outside_a_sample_do_not_touch_its_solution(values, family, references, found):
    outside = np.setdiff1d(np.arange(len(values)), draw_pair(len(values), SEED))
    assert len(outside) > 40
    changed = values.copy()
    changed.iloc[outside] = values.iloc[outside[::-1]].to_numpy() * 1.3
    for each in (values, changed):
        compare_pair(each, family[1:2], references, [3], SEED)
    fixed, refitted, fixed_changed, refitted_changed = (found[i : i + 2] for i in (0, 2, 4, 6))
    for before, after in zip(refitted, refitted_changed, strict=True):
        assert (before[3].centres == after[3].centres).all()
        assert (before[3].variances == after[3].variances).all()
    # On fixed scores they do, by the caps, means and standard deviations.
    for before, after in zip(fixed, fixed_changed, strict=True):
        assert not np.allclose(before[3].centres, after[3].centres, atol=1e-6)


def test_samples_are_drawn_with_replacement_and_by_the_seed_alone():
    first, second = draw_pair(5_000, SEED)
    assert len(first) == len(second) == 5_000
    for sample in (first, second):
        assert sample.min() >= 0
        assert sample.max() < 5_000
        # About 1 - 1/e of the households are drawn at least once.
        assert len(set(sample)) / 5_000 == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert len(set(first) & set(second)) / 5_000 == pytest.approx((1 - np.exp(-1)) ** 2, abs=0.03)
    assert (draw_pair(5_000, SEED) == [first, second]).all()
    others = [draw_pair(5_000, seed_for(*numbers)) for numbers in ((2018, 1, 2), (2019, 1, 1))]
    for other in others:
        assert not (other == [first, second]).all(axis=1).any()


def test_agreement_is_the_adjusted_rand_index_by_hand(monkeypatch):
    labelings = [np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 1, 0, 0, 0])]
    answers = iter(labelings)
    monkeypatch.setattr(bootstrap, "solve", lambda *_: {3: next(answers)})
    found = compare_fixed_pair(np.zeros((6, 1)), [3], KMEANS, SEED)
    # 2 common pairs; 3 and 6 of 15 are expected to share 1.2; (2 - 1.2) / (4.5 - 1.2).
    assert found == {3: pytest.approx(0.8 / 3.3)}
    pairs = list(combinations(range(6), 2))
    a, b = (np.array([each[i] == each[j] for i, j in pairs]) for each in labelings)
    by_chance = a.sum() * b.sum() / len(pairs)
    expected = ((a & b).sum() - by_chance) / ((a.sum() + b.sum()) / 2 - by_chance)
    assert found[3] == pytest.approx(expected)


def compare_all(scores, counts, method, pairs, random_state):
    """The adjusted Rand index: one row per pair, one column per number of segments."""
    seeds = [seed_for(random_state, Purpose.PAIR, pair) for pair in range(1, pairs + 1)]
    return pd.DataFrame([compare_fixed_pair(scores, counts, method, seed) for seed in seeds])


def test_groups_far_apart_agree_fully():
    centres = np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], 30, axis=0)
    scores = centres + np.random.default_rng(1).normal(size=centres.shape)
    table = compare_all(scores, [3], KMEANS, 5, 1)
    assert table[3].tolist() == [1.0] * 5


def test_without_structure_five_groups_do_not_agree():
    scores = np.random.default_rng(2).normal(size=(300, 4))
    assert compare_all(scores, [5], KMEANS, 5, 2)[5].median() < 0.6


@pytest.fixture(scope="module")
def forty(scores):
    return compare_all(scores, [3, 4], KMEANS, 40, 2018)


def test_other_counts_change_nothing(scores, forty):
    few = compare_all(scores, [2, 3], KMEANS, 4, 2018)
    assert few[3].tolist() == forty.loc[:3, 3].tolist()


def test_both_ways_to_compare_on_fixed_scores_agree(scores, forty, result):
    assert forty.loc[0, 3] == result.agreements["kmeans", 3, FIXED]
    fixed = compare_fixed_pair(scores, COUNTS, WARD, SEED)
    assert fixed == {k: result.agreements["ward", k, FIXED] for k in COUNTS}


def test_reference_points_of_the_panel_on_fixed_scores(forty):
    # The tolerances cover the Monte Carlo error of 40 pairs.
    assert forty[3].median() == pytest.approx(0.90, abs=0.03)
    assert forty[3].quantile(0.1) == pytest.approx(0.77, abs=0.06)
    assert forty[4].median() == pytest.approx(0.83, abs=0.04)


def test_reference_points_of_the_panel_with_the_pipeline_refitted(values, family, references):
    results = [
        compare_pair(values, family[:1], references, [3], seed_for(2018, Purpose.PAIR, pair))
        for pair in range(1, 41)
    ]
    agreements = [each.agreements["kmeans", 3, PIPELINE] for each in results]
    assert np.median(agreements) == pytest.approx(0.88, abs=0.03)
    assert np.median(agreements) >= 0.85
    assert np.quantile(agreements, 0.1) == pytest.approx(0.785, abs=0.05)
    recovered = np.concatenate([each.jaccards["kmeans", 3] for each in results])
    assert recovered.shape == (80, 3)
    assert (np.median(recovered, axis=0) >= 0.85).all()
    assert (np.quantile(recovered, 0.1, axis=0) >= 0.8).all()
