"""Partitions by the three algorithms, against scikit-learn and what can be worked out by hand."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from customer_segmentation.segments.partition import (
    Method,
    Partition,
    Purpose,
    adjusted_rand,
    align,
    best_jaccards,
    child_of,
    cross_tabulate,
    find_partitions,
    seed_for,
)

LINE = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [30.0]])
ALGORITHMS = ("kmeans", "gaussian_mixture", "ward")
SEED = np.random.SeedSequence(5, spawn_key=(3,))


def method(algorithm, starts=5, variance_floor=0.1):
    return Method(algorithm=algorithm, starts=starts, variance_floor=variance_floor)


def cloud(seed, households=150, variables=3):
    return np.random.default_rng(seed).normal(size=(households, variables))


def groups(labels):
    return {tuple(np.flatnonzero(labels == label)) for label in set(labels)}


def raw(partitions):
    return {
        k: (p.centres.tobytes(), p.variances.tobytes(), p.shares.tobytes())
        for k, p in partitions.items()
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_groups_that_lie_apart_are_found(algorithm):
    partition = find_partitions(LINE, [3], method(algorithm), SEED)[3]
    assert groups(partition.assign(LINE)) == {(0, 1, 2), (3, 4), (5,)}


@pytest.mark.parametrize("algorithm", ["kmeans", "ward"])
def test_households_outside_the_sample_join_the_nearest_centre(algorithm):
    # Only 0, 0 and 30 are in the sample: centres 0 and 30, and the border lies at 15.
    partition = find_partitions(LINE, [2], method(algorithm), SEED, np.array([0, 5, 0]))[2]
    assert sorted(partition.centres[:, 0]) == [0, 30]
    assert groups(partition.assign(LINE)) == {(0, 1, 2, 3, 4), (5,)}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_sample_is_the_same_as_its_rows(algorithm):
    scores = cloud(1)
    sample = np.sort(np.random.default_rng(2).integers(150, size=150))
    by_number = find_partitions(scores, [4], method(algorithm), SEED, sample)[4]
    by_row = find_partitions(scores[sample], [4], method(algorithm), SEED)[4]
    assert by_number.centres == pytest.approx(by_row.centres, abs=1e-9)
    assert by_number.variances == pytest.approx(by_row.variances, abs=1e-9)
    assert by_number.shares == pytest.approx(by_row.shares, abs=1e-9)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_kmeans_is_as_tight_as_that_of_scikit_learn(k):
    scores = cloud(3)
    partition = find_partitions(scores, [k], method("kmeans", starts=100), SEED)[k]
    spread = (cdist(scores, partition.centres).min(axis=1) ** 2).sum()
    theirs = KMeans(k, n_init=100, random_state=0, tol=0).fit(scores).inertia_
    assert spread == pytest.approx(theirs, rel=1e-3)


def test_more_starts_are_never_worse():
    scores = cloud(4, households=200, variables=2)
    spreads = [
        (cdist(scores, partition.centres).min(axis=1) ** 2).sum()
        for starts in (1, 5, 40)
        for partition in find_partitions(scores, [7], method("kmeans", starts), SEED).values()
    ]
    assert spreads[0] > spreads[1] >= spreads[2]


def test_ward_is_that_of_scikit_learn_for_every_count():
    scores = cloud(6)
    sample = np.random.default_rng(7).integers(150, size=150)
    partitions = find_partitions(scores, range(1, 9), method("ward"), SEED, sample)
    assert list(partitions) == list(range(1, 9))
    for k, partition in partitions.items():
        labels = AgglomerativeClustering(k, linkage="ward").fit_predict(scores[sample])
        means = [scores[sample][labels == j].mean(axis=0) for j in range(k)]
        assert np.array(sorted(partition.centres.tolist())) == pytest.approx(
            np.array(sorted(np.array(means).tolist()))
        )


def test_ward_gives_all_segments_even_when_mergers_tie():
    # The corners of a square merge at the same height, so no height gives three of them.
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    for k, partition in find_partitions(square, [1, 2, 3, 4], method("ward"), SEED).items():
        assert len(np.unique(partition.centres, axis=0)) == k


def test_the_mixture_is_that_of_scikit_learn_where_the_floor_is_not_reached():
    generator = np.random.default_rng(8)
    scores = np.vstack([generator.normal(0, 1, (200, 2)), generator.normal(4, 0.6, (100, 2))])
    partition = find_partitions(scores, [2], method("gaussian_mixture"), SEED)[2]
    start = find_partitions(scores, [2], method("kmeans"), SEED)[2].centres
    theirs = GaussianMixture(2, covariance_type="diag", tol=1e-9, means_init=start).fit(scores)
    assert partition.variances.min() > 0.1
    assert partition.centres == pytest.approx(theirs.means_, abs=0.01)
    assert partition.variances == pytest.approx(theirs.covariances_, abs=0.01)
    assert partition.shares == pytest.approx(theirs.weights_, abs=0.01)
    # Both start from the same k-means, so the segments have the same numbers.
    assert (partition.assign(scores) == theirs.predict(scores)).mean() > 0.99


def test_a_mixture_that_is_handed_its_start_is_the_same():
    scores = cloud(17)
    sample = np.random.default_rng(18).integers(150, size=150)
    known = find_partitions(scores, [2, 4], method("kmeans"), SEED, sample)
    begun = find_partitions(scores, [2, 4], method("gaussian_mixture"), SEED, sample, known)
    alone = find_partitions(scores, [2, 4], method("gaussian_mixture"), SEED, sample)
    assert raw(begun) == raw(alone)
    elsewhere = {4: Partition.around(cloud(19, households=4))}
    other = find_partitions(scores, [4], method("gaussian_mixture"), SEED, sample, elsewhere)
    assert raw(other)[4] != raw(alone)[4]


def test_the_mixture_honours_the_floor():
    scores = cloud(9)
    scores[:60, 0] = 0.5
    partition = find_partitions(scores, [3], method("gaussian_mixture", 5, 0.2), SEED)[3]
    assert partition.variances.min() == 0.2


@pytest.mark.parametrize("algorithm", ["kmeans", "ward"])
def test_affinity_is_minus_half_the_squared_distance(algorithm):
    scores = cloud(10)
    partition = find_partitions(scores, [4], method(algorithm), SEED)[4]
    assert (partition.variances == 1).all()
    assert partition.shares.tolist() == [0.25] * 4
    expected = -(cdist(scores, partition.centres) ** 2) / 2
    shifted = partition.affinities(scores) - expected
    assert shifted == pytest.approx(np.full((150, 4), np.log(0.25)))
    assert (partition.assign(scores) == expected.argmax(axis=1)).all()


def test_affinities_of_a_mixture_are_its_posterior_odds():
    scores = cloud(11)
    fitted = GaussianMixture(3, covariance_type="diag", random_state=0).fit(scores)
    partition = Partition(fitted.means_, fitted.covariances_, fitted.weights_)
    assert softmax(partition.affinities(scores), axis=1) == pytest.approx(
        fitted.predict_proba(scores)
    )
    assert (partition.assign(scores) == fitted.predict(scores)).all()


def test_ties_go_to_the_first_segment():
    partition = Partition.around(np.array([[3.0], [1.0], [1.0]]))
    assert partition.assign(np.array([[2.0], [1.0], [4.0]])).tolist() == [0, 1, 0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_count_does_not_depend_on_the_others(algorithm):
    scores = cloud(12)
    together = raw(find_partitions(scores, [5, 2, 3], method(algorithm), SEED))
    alone = raw(find_partitions(scores, [3], method(algorithm), SEED))
    assert together[3] == alone[3]
    assert list(together) == [5, 2, 3]


def test_the_seed_is_left_as_it_is_and_matters():
    scores = cloud(13, households=300)
    one_start = method("kmeans", starts=1)
    seed = np.random.SeedSequence(7)
    found = [raw(find_partitions(scores, [6], one_start, seed)) for _ in range(2)]
    assert found[0] == found[1]
    assert seed.n_children_spawned == 0
    others = [
        raw(find_partitions(scores, [6], one_start, other))
        for other in (np.random.SeedSequence(8), np.random.SeedSequence(7, spawn_key=(1,)))
    ]
    assert found[0] not in others
    assert others[0] != others[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_threads_change_no_byte(algorithm):
    scores = cloud(14)

    def solve(number):
        seed = np.random.SeedSequence(number)
        return raw(find_partitions(scores, [2, 5], method(algorithm), seed))

    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(solve, range(8))) == [solve(number) for number in range(8)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_memory_layout_changes_no_byte(algorithm):
    scores = cloud(15)
    transposed = np.asfortranarray(scores)
    frame = pd.DataFrame(scores).to_numpy()  # pandas lends it read-only
    frame.flags.writeable = False
    partitions = find_partitions(scores, [3], method(algorithm), SEED)
    labels = partitions[3].assign(scores)
    for other in (transposed, frame):
        assert raw(find_partitions(other, [3], method(algorithm), SEED)) == raw(partitions)
        assert (partitions[3].assign(other) == labels).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("households", [3, 4])
def test_as_many_segments_as_households_or_one_fewer(algorithm, households):
    scores = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.5]])[:households]
    partition = find_partitions(scores, [3], method(algorithm), SEED)[3]
    assert len(set(partition.assign(scores))) == 3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_fewer_different_households_than_segments(algorithm):
    scores = np.repeat([[0.1, 0.2], [0.7, 0.3]], 10, axis=0)
    for k, partition in find_partitions(scores, [2, 3, 5], method(algorithm), SEED).items():
        assert partition.centres.shape == (k, 2)
        assert np.isfinite(partition.affinities(scores)).all()
        assert groups(partition.assign(scores)) == {tuple(range(10)), tuple(range(10, 20))}


def test_a_partition_survives_pickling():
    scores = cloud(16)
    partition = find_partitions(scores, [3], method("gaussian_mixture"), SEED)[3]
    copy = pickle.loads(pickle.dumps(partition))
    assert (copy.affinities(scores) == partition.affinities(scores)).all()


@pytest.mark.parametrize(
    "wrong",
    [{"starts": 0}, {"variance_floor": 0}, {"algorithm": "kmedians"}, {"seed": 1}],
    ids=str,
)
def test_impossible_methods_are_refused(wrong):
    right = {"algorithm": "kmeans", "starts": 1, "variance_floor": 0.1}
    Method.model_validate(right)
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Method.model_validate(right | wrong)


NUMBERS = st.tuples(st.integers(0, 3), st.integers(0, 4))
GROUPINGS = st.lists(NUMBERS, min_size=1, max_size=40).map(lambda pairs: np.array(pairs).T)
TABLES = st.integers(1, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 9), min_size=size, max_size=size), min_size=size, max_size=size
    ).map(np.array)
)


@given(GROUPINGS)
def test_households_are_counted_by_pair_of_segments(groupings):
    counts = cross_tabulate(*groupings, 4, 5)
    expected = np.zeros((4, 5), dtype=int)
    for first, second in groupings.T:
        expected[first, second] += 1
    assert counts.tolist() == expected.tolist()
    assert counts.dtype == np.int64


@given(GROUPINGS)
def test_the_adjusted_rand_index_is_that_of_scikit_learn(groupings):
    assert adjusted_rand(cross_tabulate(*groupings, 4, 5)) == adjusted_rand_score(*groupings)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 0], [0, 0, 0], 1),
        ([0, 1, 2], [2, 0, 1], 1),
        ([0, 1, 2], [0, 0, 0], 0),
        ([0, 0, 0], [0, 1, 2], 0),
        ([0], [0], 1),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
        ([0, 0, 1, 1], [0, 0, 1, 2], 4 / 7),
    ],
)
def test_special_groupings(first, second, expected):
    counts = cross_tabulate(np.array(first), np.array(second), 3, 3)
    assert adjusted_rand(counts) == pytest.approx(expected)
    assert adjusted_rand(counts) == adjusted_rand_score(first, second)


def test_large_numbers_do_not_overflow():
    million = np.array([[2_000_000, 1], [1, 2_000_000]])
    assert 0.99999 < adjusted_rand(million) < 1


@given(GROUPINGS, st.permutations(range(4)), st.permutations(range(5)))
def test_the_numbers_of_segments_do_not_matter(groupings, rows, columns):
    counts = cross_tabulate(*groupings, 4, 5)
    permuted = counts[np.ix_(rows, columns)]
    assert adjusted_rand(permuted) == adjusted_rand(counts)
    assert (best_jaccards(permuted) == best_jaccards(counts)[rows]).all()


def test_jaccards_worked_out_by_hand():
    # 10 households in the first segment, 6 in the second, 4 in the third; columns of 8, 9, 3, 0.
    counts = np.array([[8, 2, 0, 0], [0, 6, 0, 0], [0, 1, 3, 0]])
    assert best_jaccards(counts) == pytest.approx([8 / 10, 6 / 9, 3 / 4])
    assert best_jaccards(counts.T) == pytest.approx([8 / 10, 6 / 9, 3 / 4, 0])


def test_a_segment_without_households_is_never_recovered():
    assert best_jaccards(np.array([[0, 0], [3, 0]])).tolist() == [0, 1]


@given(GROUPINGS)
def test_jaccards_are_the_best_of_all_pairs(groupings):
    first, second = groupings
    own, other = (
        [set(np.flatnonzero(labels == number)) for number in range(segments)]
        for labels, segments in ((first, 4), (second, 5))
    )
    expected = [max(len(a & b) / max(len(a | b), 1) for b in other) for a in own]
    assert best_jaccards(cross_tabulate(first, second, 4, 5)) == pytest.approx(expected)


@given(TABLES)
def test_no_other_matching_keeps_more_households_together(counts):
    matched = align(counts)
    together = sum(counts[row, column] for column, row in enumerate(matched))
    assert together == max(
        sum(counts[row, column] for column, row in enumerate(chosen))
        for chosen in permutations(range(len(counts)))
    )


@given(st.permutations(range(5)))
def test_numbers_that_were_shuffled_are_found_again(shuffled):
    labels = np.repeat(np.arange(5), [5, 8, 13, 21, 34])
    renamed = np.array(shuffled)[labels]
    matched = align(cross_tabulate(labels, renamed, 5, 5))
    assert (matched[renamed] == labels).all()


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
