"""Agreement of groupings, against scikit-learn, pandas and what can be worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import adjusted_rand_score

from customer_segmentation.segments.agreement import (
    UNMATCHED,
    adjusted_rand,
    align,
    best_jaccards,
    cross_tabulate,
)

NUMBERS = st.tuples(st.integers(0, 3), st.integers(0, 4))
GROUPINGS = st.lists(NUMBERS, min_size=1, max_size=40).map(lambda pairs: np.array(pairs).T)
TABLES = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 9), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).map(np.array)
)


@given(GROUPINGS)
def test_households_are_counted_by_pair_of_segments(groupings):
    counts = cross_tabulate(*groupings, 4, 5)
    expected = pd.crosstab(*map(pd.Series, groupings)).reindex(
        index=range(4), columns=range(5), fill_value=0
    )
    assert counts.tolist() == expected.to_numpy().tolist()
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
    rows, columns = counts.shape
    matched = align(counts)
    pairs = [(row, column) for column, row in enumerate(matched) if row != UNMATCHED]
    assert len(pairs) == len({row for row, _ in pairs}) == min(rows, columns)
    together = sum(counts[pair] for pair in pairs)
    wide = counts if rows <= columns else counts.T
    assert together == max(
        sum(wide[row, column] for row, column in enumerate(chosen))
        for chosen in itertools.permutations(range(wide.shape[1]), wide.shape[0])
    )


def test_columns_left_over_are_unmatched():
    assert align(np.array([[1, 9, 0], [0, 2, 7]])).tolist() == [UNMATCHED, 0, 1]
    assert align(np.array([[1, 0], [9, 2], [0, 7]])).tolist() == [1, 2]


@given(st.permutations(range(5)))
def test_numbers_that_were_shuffled_are_found_again(shuffled):
    labels = np.repeat(np.arange(5), [5, 8, 13, 21, 34])
    renamed = np.array(shuffled)[labels]
    matched = align(cross_tabulate(labels, renamed, 5, 5))
    assert (matched[renamed] == labels).all()
