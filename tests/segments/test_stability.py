"""Bootstrap agreement: small cases by hand, the panel against its reference points."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from customer_segmentation.segments.segmenter import compute_scores
from customer_segmentation.segments.stability import (
    bootstrap_agreements,
    compare_counts,
    compare_pair,
)


def rand_index_by_pairs(first, second):
    """The adjusted Rand index from its definition: over all pairs of households."""
    pairs = list(combinations(range(len(first)), 2))
    a = np.array([first[i] == first[j] for i, j in pairs])
    b = np.array([second[i] == second[j] for i, j in pairs])
    expected = a.sum() * b.sum() / len(pairs)
    return ((a & b).sum() - expected) / ((a.sum() + b.sum()) / 2 - expected)


@pytest.fixture(scope="module")
def scores(segmenter, _eligible) -> np.ndarray:
    return compute_scores(segmenter, _eligible).to_numpy()


def test_groups_far_apart_agree_fully():
    centres = np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], 30, axis=0)
    scores = centres + np.random.default_rng(1).normal(size=centres.shape)
    for seed in np.random.SeedSequence(1).spawn(5):
        assert compare_pair(scores, [3], 5, seed) == [1.0]


def test_without_structure_five_groups_do_not_agree():
    scores = np.random.default_rng(2).normal(size=(300, 4))
    agreements = [compare_pair(scores, [5], 3, s)[0] for s in np.random.SeedSequence(2).spawn(5)]
    assert np.median(agreements) < 0.6


def test_agreement_is_the_adjusted_rand_index_of_both_labelings(monkeypatch):
    labelings = [np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 1, 0, 0, 0])]
    answers = iter(labelings)
    monkeypatch.setattr(
        "customer_segmentation.segments.stability.partition_by_kmeans",
        lambda *_: next(answers),
    )
    found = compare_pair(np.zeros((6, 1)), [3], 1, np.random.SeedSequence(0))
    assert found == [pytest.approx(rand_index_by_pairs(*labelings))]
    # By hand: 2 common pairs, 3 and 6 of 15 expected to share 1.2; (2 - 1.2) / (4.5 - 1.2).
    assert found == [pytest.approx(0.8 / 3.3)]


def test_the_two_samples_are_bootstrap_samples_of_their_own(monkeypatch):
    samples = []

    def remember(scores, segments, starts, random_state, sample):
        samples.append(sample)
        return np.arange(len(scores)) % segments

    monkeypatch.setattr("customer_segmentation.segments.stability.partition_by_kmeans", remember)
    compare_pair(np.zeros((500, 2)), [2, 3], 1, np.random.SeedSequence(3))
    first, second, *again = samples
    assert not np.array_equal(first, second)
    for sample in (first, second):
        assert len(sample) == 500
        # About 1 - 1/e of the households are drawn at least once.
        assert len(set(sample)) / 500 == pytest.approx(0.632, abs=0.05)
    assert all(np.array_equal(a, b) for a, b in zip(again, (first, second), strict=True))


def test_the_number_of_processes_changes_nothing(scores, change):
    alone, together = (
        bootstrap_agreements(
            scores,
            change(processes=processes, candidates__bootstrap_pairs=3, candidates__largest=4),
        )
        for processes in (1, 2)
    )
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
    assert list(alone.columns) == ["k", "pair", "ari"]
    assert sorted(zip(alone["k"], alone["pair"], strict=True)) == [
        (k, pair) for k in (2, 3, 4) for pair in (1, 2, 3)
    ]


def test_more_pairs_leave_the_first_ones_as_they_were(scores, change):
    few, more = (
        bootstrap_agreements(
            scores, change(processes=1, candidates__bootstrap_pairs=n, candidates__largest=3)
        )
        for n in (2, 4)
    )
    shared = more[more["pair"] <= 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(few.reset_index(drop=True), shared, check_exact=True)


def test_reference_points_of_the_panel(scores, change):
    parameters = change(
        processes=2,
        candidates__smallest=3,
        candidates__largest=4,
        candidates__bootstrap_pairs=60,
    )
    agreements = bootstrap_agreements(scores, parameters)
    table = compare_counts(scores, agreements, parameters).set_index("k")
    # The tolerance covers the Monte Carlo error of 60 pairs.
    assert table.loc[3, "global_ari_median"] == pytest.approx(0.90, abs=0.03)
    assert table.loc[3, "global_ari_q10"] == pytest.approx(0.77, abs=0.06)
    assert table.loc[3, "silhouette"] == pytest.approx(0.30, abs=0.01)
    assert table.loc[4, "global_ari_median"] == pytest.approx(0.83, abs=0.04)


def test_candidates_are_compared_by_their_own_evidence(scores, change):
    parameters = change(candidates__largest=4)
    agreements = pd.DataFrame(
        {
            "k": np.repeat([2, 3, 4], 3),
            "pair": [1, 2, 3] * 3,
            "ari": [0.1, 0.2, 0.9, 0.5, 0.6, 0.7, 1.0, 1.0, 1.0],
        }
    )
    table = compare_counts(scores, agreements, parameters)
    assert table["k"].tolist() == [2, 3, 4]
    assert table["global_ari_median"].tolist() == pytest.approx([0.2, 0.6, 1.0])
    assert table["global_ari_q10"].tolist() == pytest.approx([0.12, 0.52, 1.0])
    assert table["chosen"].tolist() == [False, True, False]
    assert table["smallest_share"].tolist()[1] == pytest.approx(110 / 543)
    assert set(table["variables"]) == {
        "repeat_rate, brand_loyalty_mid, promo_share, log_volume, log_transactions"
    }


def test_silhouette_is_the_mean_of_its_definition(scores, change):
    few = scores[:60]
    parameters = change(
        candidates__smallest=2,
        candidates__largest=3,
        candidates__bootstrap_pairs=1,
        processes=1,
    )
    agreements = bootstrap_agreements(few, parameters)
    table = compare_counts(few, agreements, parameters).set_index("k")
    from customer_segmentation.segments.partition import partition_by_kmeans

    labels = partition_by_kmeans(few, 3, parameters.specification.starts, parameters.random_state)
    distances = np.sqrt(((few[:, None] - few) ** 2).sum(axis=2))
    widths = []
    for i, label in enumerate(labels):
        own = distances[i, labels == label].sum() / ((labels == label).sum() - 1)
        next_best = min(distances[i, labels == o].mean() for o in set(labels) - {label})
        widths.append((next_best - own) / max(own, next_best))
    assert table.loc[3, "silhouette"] == pytest.approx(np.mean(widths))
