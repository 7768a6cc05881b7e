"""The nulls: what each keeps and what each breaks, and what they do to known structure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from customer_segmentation.segments import nulls
from customer_segmentation.segments.nulls import draw_copula, permute_columns, simulate_nulls
from customer_segmentation.segments.partition import Method

KMEANS = Method(algorithm="kmeans", starts=5, variance_floor=0.05)
SEED = np.random.SeedSequence(11)


@pytest.fixture(scope="module")
def scores() -> np.ndarray:
    """Three linked scores: skewed, with many exact zeros, and rounded."""
    generator = np.random.default_rng(1)
    normal = generator.multivariate_normal(
        np.zeros(3), [[1, 0.7, -0.4], [0.7, 1, -0.5], [-0.4, -0.5, 1]], size=2000
    )
    return np.column_stack(
        [np.exp(normal[:, 0]), np.maximum(normal[:, 1], -0.7), normal[:, 2].round(1)]
    )


@pytest.mark.parametrize("draw", [permute_columns, draw_copula])
def test_a_null_keeps_every_distribution_exactly_and_changes_nothing_else(draw, scores):
    before = scores.copy()
    drawn = draw(scores, np.random.default_rng(2))
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(scores, axis=0))
    np.testing.assert_array_equal(scores, before)
    assert (drawn != scores).any(axis=0).all()
    again = draw(scores, np.random.default_rng(2))
    np.testing.assert_array_equal(drawn, again)
    assert not np.array_equal(drawn, draw(scores, np.random.default_rng(3)))


def test_the_copula_keeps_the_rank_correlations(scores):
    generator = np.random.default_rng(4)
    drawn = [spearmanr(draw_copula(scores, generator)).statistic for _ in range(20)]
    # Chance is about .02 / sqrt(20); a quarter of equal values costs another hundredth.
    np.testing.assert_allclose(np.mean(drawn, axis=0), spearmanr(scores).statistic, atol=0.025)


def test_normal_scores_keep_their_product_moment_correlation():
    # Spearman's .786 belongs to the normal correlation 2 sin(pi / 6 * .786) = .8, not to .786.
    normal = np.random.default_rng(5).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=4000)
    generator = np.random.default_rng(6)
    drawn = [np.corrcoef(draw_copula(normal, generator).T)[0, 1] for _ in range(40)]
    assert np.mean(drawn) == pytest.approx(np.corrcoef(normal.T)[0, 1], abs=0.004)


def test_permuting_breaks_every_link(scores):
    drawn = spearmanr(permute_columns(scores, np.random.default_rng(7))).statistic
    assert np.abs(drawn[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(2000)


def test_correlations_that_no_normal_variables_have_are_repaired():
    # Three uniform scores with a constant sum: each two have the rank correlation -1/2, which
    # would be -.52 for normal variables, but three of these can go no lower than -1/2.
    u = np.random.default_rng(8).permutation(500) / 500
    v = (u + 0.5) % 1
    scores = np.column_stack([u, v, 1.5 - u - v])
    correlations = 2 * np.sin(np.pi / 6 * spearmanr(scores).statistic)
    assert np.linalg.eigvalsh(correlations).min() < -0.02
    drawn = draw_copula(scores, np.random.default_rng(9))
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(scores, axis=0))
    np.testing.assert_allclose(spearmanr(drawn).statistic, spearmanr(scores).statistic, atol=0.1)


def test_a_constant_score_stays_and_the_others_keep_their_link(scores):
    linked = scores[:, :2]
    constant = np.column_stack([linked, np.full(len(linked), 2.0)])
    drawn = draw_copula(constant, np.random.default_rng(9))
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(constant, axis=0))
    found, expected = (spearmanr(*data.T).statistic for data in (drawn[:, :2], linked))
    assert found == pytest.approx(expected, abs=0.08)


def test_with_a_single_score_the_nulls_are_the_data():
    # Only the order of the households changes, so separation is known, and far groups come back.
    scores = (np.repeat([0.0, 10.0, 30.0], 30) + np.tile(np.linspace(0, 1, 30), 3))[:, np.newaxis]
    found = simulate_nulls(scores, [2, 3], KMEANS, 2, 3, SEED, 1)
    for k in (2, 3):
        expected = silhouette_score(
            scores, KMeans(k, n_init=10, random_state=0).fit_predict(scores)
        )
        np.testing.assert_allclose(found.loc[found["k"] == k, "silhouette"], expected)
    assert (found["ari"] == 1).all()


def test_permuting_shows_segments_that_the_distributions_alone_make():
    # Two groups on the diagonal; shuffled columns put households into all four corners.
    diagonal = np.repeat([[0.0, 0.0], [20.0, 20.0]], 60, axis=0)
    scores = diagonal + np.random.default_rng(10).normal(size=diagonal.shape)
    found = simulate_nulls(scores, [2, 4], KMEANS, 4, 5, SEED, 1)
    permuted = found[found["null"] == "permuted"].groupby("k")[["ari", "silhouette"]].min()
    assert permuted.loc[4, "ari"] > 0.99
    assert permuted.loc[4, "silhouette"] > 0.8
    assert permuted.loc[2, "silhouette"] < 0.6


def test_a_draw_reports_the_median_over_its_pairs(monkeypatch, scores):
    seeds = []

    def compare(data, counts, method, seed):
        seeds.append(seed.spawn_key)
        assert method is KMEANS
        return {k: k + (0, 0, 9)[len(seeds) % 3] for k in counts}

    monkeypatch.setattr(nulls, "compare_fixed_pair", compare)
    found = simulate_nulls(scores[:100], [3, 2], KMEANS, 2, 3, SEED, 1)
    assert (found["ari"] == found["k"]).all()
    assert len(seeds) == len(set(seeds)) == 2 * 2 * 3


def test_rows_are_in_order_and_do_not_depend_on_the_workers(scores):
    alone, together = (
        simulate_nulls(scores[:120], [2, 3], KMEANS, 3, 2, SEED, workers) for workers in (1, 2)
    )
    assert alone.equals(together)
    keys = alone[["null", "draw", "k"]].itertuples(index=False, name=None)
    expected = [(n, d, k) for n in ("permuted", "copula") for d in (1, 2, 3) for k in (2, 3)]
    assert list(keys) == expected
    assert alone.columns.tolist() == ["k", "null", "draw", "ari", "silhouette"]
    # Every draw is a data set of its own.
    assert alone.loc[alone["k"] == 2, "silhouette"].nunique() == 6


def test_more_draws_pairs_or_counts_leave_the_rest_as_it_is(scores):
    few = simulate_nulls(scores[:120], [3], KMEANS, 2, 2, SEED, 1)
    many = simulate_nulls(scores[:120], [2, 3], KMEANS, 3, 2, SEED, 1)
    rest = many[(many["k"] == 3) & (many["draw"] < 3)].reset_index(drop=True)
    assert few.equals(rest)
    pairs = simulate_nulls(scores[:120], [3], KMEANS, 2, 4, SEED, 1)
    assert pairs["silhouette"].equals(few["silhouette"])
