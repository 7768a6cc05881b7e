"""Segments across their number: codes, flows and SLSa, by hand and by entropy over households."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from customer_segmentation.segments.paths import (
    measure_stability_across,
    renumber_segments,
    trace_segments,
)


@pytest.fixture
def solutions() -> dict[int, np.ndarray]:
    """Random solutions of 300 households, each finer one partly following the coarser one."""
    generator = np.random.default_rng(1)
    labels = {2: generator.integers(2, size=300)}
    for k in (3, 4, 5):
        moved = generator.random(300) < 0.4
        labels[k] = np.where(moved, generator.integers(k, size=300), labels[k - 1])
    return labels


def mix_up(solutions, seed):
    generator = np.random.default_rng(seed)
    mixed = [(k, generator.permutation(k)[labels]) for k, labels in solutions.items()]
    return dict(mixed[::-1])


def test_a_segment_that_stays_or_splits_off_is_stable_and_an_even_mixture_is_not():
    counts = np.array([[40, 0, 0], [0, 7, 0], [0, 9, 0], [5, 5, 5]])
    np.testing.assert_allclose(measure_stability_across(counts), [1, 1, 1, 0], atol=1e-12)


def test_stability_across_by_hand():
    # Shares 1/2, 1/4, 1/4: entropy 1.5 bits of at most log2(4) = 2.
    found = measure_stability_across(np.array([[4, 2, 2, 0], [0, 0, 0, 0]]))
    np.testing.assert_allclose(found, [1 - 1.5 / 2, np.nan])


def test_with_one_coarser_segment_stability_across_is_missing():
    assert np.isnan(measure_stability_across(np.array([[3], [5]]))).all()


def test_paths_by_hand():
    # Two segments of 6 and 4; then the larger one splits, and its smaller part takes one of the 4.
    coarse = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    fine = np.array([2, 2, 2, 2, 0, 0, 0, 1, 1, 1])
    paths, flows = trace_segments({3: fine, 2: coarse})
    assert list(paths[["k", "segment", "households"]].itertuples(index=False, name=None)) == [
        (2, "2.1", 6),
        (2, "2.2", 4),
        (3, "3.1", 4),
        (3, "3.2", 3),
        (3, "3.3", 3),
    ]
    entropy = -(2 / 3 * np.log2(2 / 3) + 1 / 3 * np.log2(1 / 3))
    np.testing.assert_allclose(paths["slsa"], [np.nan, np.nan, 1, 1 - entropy, 1])
    assert flows.columns.tolist() == ["k", "segment", "previous", "households"]
    assert list(flows.itertuples(index=False, name=None)) == [
        (3, "3.1", "2.1", 4),
        (3, "3.2", "2.1", 2),
        (3, "3.2", "2.2", 1),
        (3, "3.3", "2.2", 3),
    ]


def test_flows_add_up_to_both_sizes(solutions):
    paths, flows = trace_segments(solutions)
    sizes = paths.set_index("segment")["households"]
    assert paths.groupby("k")["households"].sum().tolist() == [300] * 4
    into = flows.groupby("segment")["households"].sum()
    assert into.equals(sizes[into.index])
    assert set(into.index) == set(sizes.index) - {"2.1", "2.2"}
    out = flows.groupby("previous")["households"].sum()
    assert out.equals(sizes[out.index].rename_axis("previous"))
    assert (flows["households"] > 0).all()


def test_flows_and_stability_are_those_of_the_households(solutions):
    paths, flows = trace_segments(solutions)
    codes = {
        k: [f"{k}.{number + 1}" for number in labels]
        for k, labels in renumber_segments(solutions).items()
    }
    for k in (3, 4, 5):
        pairs = Counter(zip(codes[k], codes[k - 1], strict=True))
        found = flows[flows["k"] == k].set_index(["segment", "previous"])["households"]
        assert found.to_dict() == pairs
        for row in paths[paths["k"] == k].itertuples():
            shares = [n / row.households for (code, _), n in pairs.items() if code == row.segment]
            entropy = -sum(share * np.log(share) for share in shares)
            assert row.slsa == pytest.approx(1 - entropy / np.log(k - 1))


@pytest.mark.parametrize("seed", range(5))
def test_numbers_of_the_method_and_order_of_solutions_mean_nothing(solutions, seed):
    mixed = mix_up(solutions, seed)
    for plain, other in zip(trace_segments(solutions), trace_segments(mixed), strict=True):
        assert plain.equals(other)
    renumbered = renumber_segments(mixed)
    assert list(renumbered) == [2, 3, 4, 5]
    for k, labels in renumber_segments(solutions).items():
        assert np.array_equal(labels, renumbered[k])


def test_renumbering_renames_and_moves_nobody(solutions):
    for k, labels in renumber_segments(solutions).items():
        assert len(set(zip(labels, solutions[k], strict=True))) == k
        assert set(labels) == set(range(k))


def test_segments_stand_where_most_of_their_members_come_from_the_larger_first(solutions):
    renumbered = renumber_segments(solutions)
    for k in (3, 4, 5):
        keys = []
        for number in range(k):
            members = renumbered[k] == number
            origins = Counter(renumbered[k - 1][members])
            keys.append((max(origins, key=origins.get), -members.sum()))
        assert keys == sorted(keys)
    sizes = np.bincount(renumbered[2])
    assert sizes[0] >= sizes[1]


def test_segments_of_equal_size_stand_in_the_order_of_their_first_household():
    for labels in ([1, 0, 1, 0], [0, 1, 0, 1]):
        assert renumber_segments({2: np.array(labels)})[2].tolist() == [0, 1, 0, 1]


def test_an_empty_segment_is_the_last_and_has_no_flow():
    coarse, fine = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 3, 3])
    paths, flows = trace_segments({2: coarse, 4: fine})
    found = paths[paths["k"] == 4]
    assert found["households"].tolist() == [3, 2, 0, 0]
    np.testing.assert_array_equal(found["slsa"], [1, 1, np.nan, np.nan])
    assert flows["segment"].tolist() == ["4.1", "4.2"]
    assert flows["previous"].tolist() == ["2.1", "2.2"]


def test_a_single_solution_has_paths_and_no_flows():
    paths, flows = trace_segments({3: np.array([0, 1, 2, 2])})
    assert paths["segment"].tolist() == ["3.1", "3.2", "3.3"]
    assert paths["slsa"].isna().all()
    assert flows.empty
    several = trace_segments({2: np.array([0, 1]), 3: np.array([0, 2])})[1]
    assert flows.dtypes.equals(several.dtypes)


def test_one_segment_as_the_coarsest_says_nothing_about_two():
    paths, flows = trace_segments({1: np.zeros(4, dtype=int), 2: np.array([0, 0, 0, 1])})
    assert paths["slsa"].isna().all()
    assert flows["previous"].tolist() == ["1.1", "1.1"]
