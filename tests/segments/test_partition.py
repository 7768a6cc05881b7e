"""K-means, against what can be worked out by hand."""

from __future__ import annotations

import numpy as np

from customer_segmentation.segments.partition import partition_by_kmeans

LINE = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [30.0]])


def groups(labels):
    return {tuple(np.flatnonzero(labels == label)) for label in set(labels)}


def test_groups_that_lie_apart_are_found():
    assert groups(partition_by_kmeans(LINE, 3, 5, 1)) == {(0, 1, 2), (3, 4), (5,)}


def test_households_outside_the_sample_join_the_nearest_centre():
    # Only 0, 0 and 30 are in the sample: centres 0 and 30, and the border lies at 15.
    labels = partition_by_kmeans(LINE, 2, 5, 1, sample=np.array([0, 0, 5]))
    assert groups(labels) == {(0, 1, 2, 3, 4), (5,)}


def test_nobody_is_nearer_to_the_mean_of_another_segment():
    scores = np.random.default_rng(3).normal(size=(300, 4))
    labels = partition_by_kmeans(scores, 5, 3, 7)
    means = np.array([scores[labels == k].mean(axis=0) for k in range(5)])
    distances = ((scores[:, None, :] - means) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == labels).all()


def test_the_best_of_many_starts_is_kept():
    scores = np.random.default_rng(4).normal(size=(200, 2))

    def spread(starts):
        labels = partition_by_kmeans(scores, 6, starts, 11)
        return sum(
            ((scores[labels == k] - scores[labels == k].mean(axis=0)) ** 2).sum() for k in range(6)
        )

    assert spread(20) < spread(1)
