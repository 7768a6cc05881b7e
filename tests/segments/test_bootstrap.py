"""Agreement of bootstrap solutions, against scikit-learn and the panel's reference points."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score

from customer_segmentation.segments import bootstrap
from customer_segmentation.segments.bootstrap import (
    FIXED,
    PIPELINE,
    compare_fixed_pair,
    compare_on_fixed_scores,
    compare_pair,
    draw_pair,
    solve,
)
from customer_segmentation.segments.candidates import take_values
from customer_segmentation.segments.partition import Method, find_partitions
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.seeds import Purpose, child_of, seed_for

COUNTS = [2, 3]
SEED = seed_for(2018, Purpose.PAIR, 1)


def method_of(algorithm):
    return Method(algorithm=algorithm, starts=10, variance_floor=0.1)


KMEANS, MIXTURE, WARD = map(method_of, ("kmeans", "gaussian_mixture", "ward"))


@pytest.fixture(scope="module")
def values(_eligible, specification, codebook):
    return take_values(_eligible, specification, codebook)


@pytest.fixture(scope="module")
def scores(values, specification):
    return learn_scores(values, specification.scores).compute(values)


@pytest.fixture(scope="module")
def references(scores):
    """The solutions on all households, for every algorithm."""
    return {
        (method, k): labels
        for method in (KMEANS, MIXTURE, WARD)
        for k, labels in solve(scores, COUNTS, method, seed_for(2018, Purpose.SOLUTION)).items()
    }


@pytest.fixture(scope="module")
def result(values, specification, references):
    return compare_pair(values, specification.scores, references, COUNTS, SEED)


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
        assert result.agreements[method, k, mode] == pytest.approx(expected, abs=1e-12)


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
        agreement = result.agreements[method, 3, mode]
        assert agreement == pytest.approx(adjusted_rand_score(*labels), abs=1e-12)


def test_both_modes_give_figures_of_their_own(result):
    for method in (KMEANS, MIXTURE, WARD):
        assert result.agreements[method, 3, FIXED] != result.agreements[method, 3, PIPELINE]


def test_recovery_is_that_of_the_refitted_pipeline(values, specification, references, result):
    for half in (0, 1):
        sample, placed = refit(values, specification, half, PIPELINE)
        again = KMeans(3, n_init=60, tol=0, random_state=0).fit(placed[sample]).predict(placed)
        sets = [set(np.flatnonzero(again == number)) for number in range(3)]
        for number in range(3):
            own = set(np.flatnonzero(references[KMEANS, 3] == number))
            expected = max(len(own & other) / len(own | other) for other in sets)
            assert result.jaccards[KMEANS, 3][half, number] == pytest.approx(expected)


def test_nothing_depends_on_what_else_is_compared(values, specification, references, result):
    # The mixture alone finds its own k-means; among others it takes over the one that is known.
    for method in (KMEANS, MIXTURE, WARD):
        for k in COUNTS:
            only = {(method, k): references[method, k]}
            alone = compare_pair(values, specification.scores, only, [k], SEED)
            assert set(alone.agreements) == {(method, k, FIXED), (method, k, PIPELINE)}
            for key, agreement in alone.agreements.items():
                assert agreement == result.agreements[key]
            assert (alone.jaccards[method, k] == result.jaccards[method, k]).all()


def test_the_order_of_the_methods_changes_nothing(values, specification, references, result):
    turned = dict(reversed(references.items()))
    again = compare_pair(values, specification.scores, turned, COUNTS, SEED)
    assert again.agreements == result.agreements
    assert all((again.jaccards[key] == result.jaccards[key]).all() for key in turned)


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


def test_households_outside_a_sample_do_not_touch_its_solution(
    values, specification, references, found
):
    outside = np.setdiff1d(np.arange(len(values)), draw_pair(len(values), SEED))
    assert len(outside) > 40
    changed = values.copy()
    changed.iloc[outside] = values.iloc[outside[::-1]].to_numpy() * 1.3
    only = {(MIXTURE, 3): references[MIXTURE, 3]}
    for each in (values, changed):
        compare_pair(each, specification.scores, only, [3], SEED)
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


def test_groups_far_apart_agree_fully():
    centres = np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], 30, axis=0)
    scores = centres + np.random.default_rng(1).normal(size=centres.shape)
    table = compare_on_fixed_scores(scores, [3], KMEANS, 5, 1, 1)
    assert table[3].tolist() == [1.0] * 5


def test_without_structure_five_groups_do_not_agree():
    scores = np.random.default_rng(2).normal(size=(300, 4))
    assert compare_on_fixed_scores(scores, [5], KMEANS, 5, 2, 1)[5].median() < 0.6


@pytest.fixture(scope="module")
def forty(scores):
    return compare_on_fixed_scores(scores, [3, 4], KMEANS, 40, 2018, 2)


def test_workers_other_counts_and_more_pairs_change_nothing(scores, forty):
    assert forty.index.tolist() == list(range(1, 41))
    assert forty.index.name == "pair"
    few = compare_on_fixed_scores(scores, [2, 3], KMEANS, 4, 2018, 1)
    assert few[3].tolist() == forty.loc[:4, 3].tolist()


def test_both_ways_to_compare_on_fixed_scores_agree(scores, forty, result):
    assert forty.loc[1, 3] == result.agreements[KMEANS, 3, FIXED]
    fixed = compare_fixed_pair(scores, COUNTS, WARD, SEED)
    assert fixed == {k: result.agreements[WARD, k, FIXED] for k in COUNTS}


def test_reference_points_of_the_panel_on_fixed_scores(forty):
    # The tolerances cover the Monte Carlo error of 40 pairs.
    assert forty[3].median() == pytest.approx(0.90, abs=0.03)
    assert forty[3].quantile(0.1) == pytest.approx(0.77, abs=0.06)
    assert forty[4].median() == pytest.approx(0.83, abs=0.04)


def test_reference_points_of_the_panel_with_the_pipeline_refitted(
    values, specification, references
):
    only = {(KMEANS, 3): references[KMEANS, 3]}
    results = [
        compare_pair(values, specification.scores, only, [3], seed_for(2018, Purpose.PAIR, pair))
        for pair in range(1, 41)
    ]
    agreements = [each.agreements[KMEANS, 3, PIPELINE] for each in results]
    assert np.median(agreements) == pytest.approx(0.88, abs=0.03)
    assert np.median(agreements) >= 0.85
    assert np.quantile(agreements, 0.1) == pytest.approx(0.785, abs=0.05)
    recovered = np.concatenate([each.jaccards[KMEANS, 3] for each in results])
    assert recovered.shape == (80, 3)
    assert (np.median(recovered, axis=0) >= 0.85).all()
    assert (np.quantile(recovered, 0.1, axis=0) >= 0.8).all()


def test_seeds_are_told_by_purpose_and_number():
    # The numbers are part of the published results.
    assert seed_for(2018, Purpose.PAIR, 3).spawn_key == (1, 3)
    numbers = {purpose.name: int(purpose) for purpose in Purpose}
    assert numbers == {
        "SOLUTION": 0,
        "PAIR": 1,
        "GAP": 2,
        "NULL": 3,
        "HALVES": 4,
        "DESCRIPTOR": 5,
        "RESAMPLE": 6,
        "PERFECT_CALIBRATION": 7,
        "PERMUTATION": 8,
        "IMPORTANCE": 9,
        "AUDIT": 10,
    }
    seed = seed_for(2018, Purpose.PAIR, 3)
    first, again = child_of(seed, 2), child_of(seed, 2)
    assert (first.entropy, first.spawn_key) == (2018, (1, 3, 2))
    assert first.generate_state(2).tolist() == again.generate_state(2).tolist()
    assert seed.n_children_spawned == 0
