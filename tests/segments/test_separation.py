"""Separation and gap: by hand, by their definitions, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from customer_segmentation.segments.partition import Method
from customer_segmentation.segments.seeds import child_of
from customer_segmentation.segments.separation import (
    draw_from_box,
    measure_gap,
    measure_separation,
)

KMEANS = Method(algorithm="kmeans", starts=10, variance_floor=0.05)
SEED = np.random.SeedSequence(7)


def separate(scores, labels):
    return measure_separation(cdist(scores, scores), scores, np.array(labels))


def draw_blobs(seed: int, size: int = 40) -> np.ndarray:
    centres = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], size, axis=0)
    return centres + np.random.default_rng(seed).normal(size=centres.shape)


def choose(gaps) -> int:
    """The rule of Tibshirani et al.: the first k that is not clearly beaten by the next."""
    gap, se = gaps["gap"].to_numpy(), gaps["gap_se"].to_numpy()
    return int(gaps["k"][np.flatnonzero(gap[:-1] >= gap[1:] - se[1:])[0]])


def test_separation_by_hand():
    found = separate(np.array([[0.0], [1.0], [4.0], [6.0]]), [0, 0, 1, 1])
    by_hand = np.mean([4 / 5, 3 / 4, 1.5 / 3.5, 3.5 / 5.5])
    assert found["silhouette"] == pytest.approx(by_hand)
    # Means .5 and 5 about 2.75: between 4 * 2.25^2 = 20.25 on 1, within .5 + 2 on 2 degrees.
    assert found["calinski_harabasz"] == pytest.approx(20.25 / (2.5 / 2))
    # Mean distances to the means .5 and 1, means 4.5 apart.
    assert found["davies_bouldin"] == pytest.approx(1.5 / 4.5)


def test_the_silhouette_comes_from_the_distances_given():
    scores = draw_blobs(1)
    labels = np.random.default_rng(1).integers(3, size=len(scores))
    distances = cdist(scores, scores, "cityblock")
    found = measure_separation(distances, scores, labels)["silhouette"]
    assert found == pytest.approx(silhouette_score(scores, labels, metric="cityblock"))


def test_an_empty_segment_changes_nothing():
    scores = draw_blobs(2, size=5)
    labels = np.repeat([0, 1, 2], 5)
    assert separate(scores, labels) == separate(scores, labels * 2)


@pytest.mark.parametrize("labels", [[0, 0, 0], [2, 0, 1]])
def test_without_two_segments_and_a_pair_separation_is_missing(labels):
    found = separate(np.array([[0.0], [1.0], [4.0]]), labels)
    assert list(found) == ["silhouette", "calinski_harabasz", "davies_bouldin"]
    assert np.isnan(list(found.values())).all()


def pool_by_pairs(scores, labels) -> float:
    """W_k by its definition: squared distances of all pairs over twice the size."""
    squares = cdist(scores, scores, "sqeuclidean")
    return sum(
        squares[np.ix_(labels == label, labels == label)].sum() / (2 * (labels == label).sum())
        for label in np.unique(labels)
    )


def test_the_gap_follows_its_definition():
    scores, counts, references = draw_blobs(3), [1, 2, 3], 3

    def measure_logs(data):
        labels = [KMeans(k, n_init=30, random_state=0).fit_predict(data) for k in counts]
        return np.log([pool_by_pairs(data, each) for each in labels])

    drawn = np.array(
        [
            measure_logs(draw_from_box(scores, np.random.default_rng(child_of(SEED, number))))
            for number in range(1, references + 1)
        ]
    )
    found = measure_gap(scores, counts, KMEANS, SEED, references, 1)
    assert found["k"].tolist() == counts
    np.testing.assert_allclose(found["gap"], drawn.mean(axis=0) - measure_logs(scores), atol=0.01)
    # Few references, so that the factor sqrt(1 + 1/3) and the divisor of the variance show.
    expected = drawn.std(axis=0) * np.sqrt(4 / 3)
    np.testing.assert_allclose(found["gap_se"], expected, rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("algorithm", ["kmeans", "ward", "gaussian_mixture"])
def test_three_blobs_are_three(algorithm):
    method = KMEANS.model_copy(update={"algorithm": algorithm})
    gaps = measure_gap(draw_blobs(4), range(1, 6), method, SEED, 10, 1)
    assert choose(gaps) == 3
    assert gaps["gap"].idxmax() == 2


@pytest.mark.parametrize("seed", range(3))
def test_the_first_two_simulations_of_the_gap_paper(seed):
    generator = np.random.default_rng(seed)
    uniform = generator.uniform(size=(200, 10))
    assert choose(measure_gap(uniform, range(1, 6), KMEANS, SEED, 10, 1)) == 1
    centres = np.repeat([[0.0, 0.0], [0.0, 5.0], [5.0, -3.0]], [25, 25, 50], axis=0)
    groups = centres + generator.normal(size=(100, 2))
    assert choose(measure_gap(groups, range(1, 6), KMEANS, SEED, 10, 1)) == 3


def test_a_thin_slanted_cloud_has_no_segments():
    # A box along the variables would be nearly empty off the diagonal, and k = 1 would lose.
    x = np.linspace(0, 1, 200)
    scores = np.column_stack([x, x + np.random.default_rng(7).uniform(-0.01, 0.01, size=200)])
    assert choose(measure_gap(scores, range(1, 5), KMEANS, SEED, 20, 1)) == 1


def test_the_box_lies_along_the_principal_axes():
    generator = np.random.default_rng(8)
    flat = generator.uniform([-5, -1, -0.1], [5, 1, 0.1], size=(400, 3))
    turn = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    place = np.array([20.0, -3.0, 1.0])
    drawn = draw_from_box(flat @ turn + place, generator)
    back = (drawn - place) @ turn.T
    assert drawn.shape == (400, 3)
    # It fills the turned box, evenly along its length and nothing else.
    np.testing.assert_allclose(np.abs(back).max(axis=0), [5, 1, 0.1], rtol=0.2)
    quarters = np.histogram(back[:, 0], bins=[-6, -2.5, 0, 2.5, 6])[0]
    assert (np.abs(quarters - 100) < 40).all()


def test_equal_seeds_give_equal_gaps_whatever_the_workers_and_the_other_counts():
    scores = draw_blobs(9)
    alone = measure_gap(scores, [2, 3, 4], KMEANS, SEED, 5, 1)
    together = measure_gap(scores, [2, 3, 4], KMEANS, SEED, 5, 2)
    assert alone.equals(together)
    one = measure_gap(scores, [3], KMEANS, SEED, 5, 1)
    assert one.equals(alone[alone["k"] == 3].reset_index(drop=True))
    other = measure_gap(scores, [2, 3, 4], KMEANS, np.random.SeedSequence(8), 5, 1)
    assert not alone["gap"].equals(other["gap"])
