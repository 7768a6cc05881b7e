"""Similarities, silhouettes, the map and its outlines: by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_samples

from customer_segmentation.segments.positions import (
    measure_silhouettes,
    measure_similarities,
    outline_segments,
    project_scores,
)


def draw_cloud(seed: int, households: int = 60, scores: int = 4) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(scores, scores))
    return generator.normal(size=(households, scores)) @ mixing + generator.normal(size=scores)


def test_similarities_by_hand():
    # Distances 0 and 5: 1 / (1 + e^-5); halfway: one half each; and not their squares.
    scores = np.array([[0.0, 0.0], [1.5, 2.0]])
    found = measure_similarities(scores, np.array([[0.0, 0.0], [3.0, 4.0]]))
    near = 1 / (1 + np.exp(-5))
    np.testing.assert_allclose(found, [[near, 1 - near], [0.5, 0.5]])


def test_similarities_are_shares_and_the_nearest_centre_is_the_most_similar():
    scores, centres = draw_cloud(1), draw_cloud(2, households=5)
    found = measure_similarities(scores, centres)
    assert found.shape == (60, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.array_equal(found.argmax(axis=1), cdist(scores, centres).argmin(axis=1))


def test_households_far_from_every_centre_still_have_similarities():
    # exp(-5000) is 0 in floating point, for both centres.
    found = measure_similarities(np.array([[5000.0]]), np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(found, [[1 / (1 + np.e), np.e / (1 + np.e)]])


def test_silhouettes_by_hand():
    points = np.array([[0.0], [1.0], [4.0], [6.0]])
    # Household 0: 1 to its own segment, (4 + 6) / 2 = 5 to the other; and so on.
    by_hand = [(5 - 1) / 5, (4 - 1) / 4, (3.5 - 2) / 3.5, (5.5 - 2) / 5.5]
    found = measure_silhouettes(cdist(points, points), np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(found, by_hand)


def test_silhouettes_are_those_of_scikit_learn():
    points = draw_cloud(3)
    labels = np.random.default_rng(3).integers(4, size=len(points))
    distances = cdist(points, points)
    expected = silhouette_samples(distances, labels, metric="precomputed")
    np.testing.assert_allclose(measure_silhouettes(distances, labels), expected, atol=1e-12)


def test_silhouettes_of_segments_with_one_household_or_equal_households_are_zero():
    points = np.array([[0.0], [0.0], [0.0], [0.0], [7.0]])
    found = measure_silhouettes(cdist(points, points), np.array([0, 0, 1, 1, 3]))
    np.testing.assert_array_equal(found, 0)  # number 2 is an empty segment


def test_silhouettes_of_a_single_segment_are_missing():
    assert np.isnan(measure_silhouettes(np.ones((3, 3)), np.full(3, 2))).all()


def test_components_are_those_of_scikit_learn_up_to_sign():
    scores = draw_cloud(4)
    components, shares = project_scores(scores)
    pca = PCA(2).fit(scores)
    np.testing.assert_allclose(np.abs(components), np.abs(pca.transform(scores)), atol=1e-9)
    np.testing.assert_allclose(shares, pca.explained_variance_ratio_)


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_loading_of_a_component_is_positive(seed):
    scores = draw_cloud(seed)
    components, _ = project_scores(scores)
    loadings = np.linalg.lstsq(scores - scores.mean(axis=0), components, rcond=None)[0].T
    for loading in loadings:
        assert loading[np.abs(loading).argmax()] > 0
    # So mirroring the scores mirrors the map, and the order of the households means nothing.
    np.testing.assert_allclose(project_scores(scores[::-1])[0][::-1], components, atol=1e-9)


def test_equal_loadings_do_not_let_rounding_choose_the_sign():
    # x and -x have loadings .71 and -.71; the first counts whatever the last digits are.
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=50)
        components, shares = project_scores(np.column_stack([x, -x]))
        np.testing.assert_allclose(components[:, 0], (x - x.mean()) * np.sqrt(2), atol=1e-9)
        np.testing.assert_allclose(shares, [1, 0], atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_single_or_constant_score_is_a_map_on_a_line(value):
    line = np.array([[1.0], [2.0], [6.0]])
    components, shares = project_scores(line)
    np.testing.assert_allclose(components, [[-2, 0], [-1, 0], [3, 0]])
    np.testing.assert_array_equal(shares, [1, 0])
    components, shares = project_scores(np.full((3, 2), value))
    np.testing.assert_array_equal(components, 0)
    np.testing.assert_array_equal(shares, 0)


def area(corners: np.ndarray) -> float:
    """Signed area of a closed line by the shoelace formula."""
    x, y = corners.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def holds(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points lie within a closed convex line, its border included."""
    sides = np.diff(corners, axis=0) * np.sign(area(corners))
    offsets = points[:, np.newaxis] - corners[:-1]
    cross = sides[:, 0] * offsets[..., 1] - sides[:, 1] * offsets[..., 0]
    return (cross >= -1e-9).all(axis=1)


def corners_of(hulls, segment, part) -> np.ndarray:
    rows = hulls[(hulls["segment"] == segment) & (hulls["part"] == part)]
    assert rows["step"].tolist() == list(range(1, len(rows) + 1))
    return rows[["component_1", "component_2"]].to_numpy()


def test_outlines_surround_all_households_and_the_inner_half():
    components = draw_cloud(5, 90, 2)
    names = np.array(["b", "a", "a"] * 30, dtype=object)
    hulls = outline_segments(components, names)
    assert hulls["segment"].unique().tolist() == ["a", "b"]
    for name in "ab":
        members = components[names == name]
        outer, core = corners_of(hulls, name, "outer"), corners_of(hulls, name, "core")
        for corners in (outer, core):
            np.testing.assert_array_equal(corners[0], corners[-1])
            assert (corners[:, np.newaxis] == members).all(axis=2).any(axis=1).all()
        assert holds(outer, members).all()
        # The corners are needed: without any of them the area is smaller.
        for left_out in range(1, len(outer) - 1):
            assert abs(area(np.delete(outer, left_out, axis=0))) < abs(area(outer)) - 1e-9
        distances = ((members - members.mean(axis=0)) ** 2).sum(axis=1)
        nearest = members[np.argsort(distances)[: len(members) // 2]]
        farthest_of_them = np.sqrt(np.sort(distances)[len(members) // 2 - 1])
        assert holds(core, nearest).all()
        reach = np.linalg.norm(core - members.mean(axis=0), axis=1).max()
        assert reach == pytest.approx(farthest_of_them)


def test_outlines_by_hand():
    # A square with its centre and four inner corners; the inner ones and the centre are the half.
    square = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    hulls = outline_segments(np.vstack([2 * square, [[0, 0]], square]), np.zeros(9, dtype=int))
    outer, core = corners_of(hulls, 0, "outer"), corners_of(hulls, 0, "core")
    assert len(outer) == len(core) == 5
    assert {tuple(corner) for corner in outer} == {tuple(corner) for corner in 2 * square}
    assert {tuple(corner) for corner in core} == {tuple(corner) for corner in square}


def test_segments_on_a_point_or_a_line_have_no_outline():
    line = np.arange(6.0)
    components = np.vstack(
        [
            [[0.0, 0.0], [3.0, 1.0]],  # two households
            [[5.0, 5.0]] * 4,  # at one place
            np.column_stack([line, 2 * line]),  # on a line
            [[9.0, 9.0], [8.0, 9.0], [9.0, 7.0]],  # a triangle: its half of two has no outline
        ]
    )
    hulls = outline_segments(components, np.repeat([0, 1, 2, 3], [2, 4, 6, 3]))
    assert set(zip(hulls["segment"], hulls["part"], strict=True)) == {(3, "outer")}
    assert len(hulls) == 4


def test_without_any_outline_the_table_keeps_its_columns():
    hulls = outline_segments(np.zeros((3, 2)), np.zeros(3, dtype=int))
    assert hulls.empty
    assert hulls.columns.tolist() == ["segment", "part", "step", "component_1", "component_2"]
