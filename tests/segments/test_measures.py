"""Agreement, separation and gap: by hand, against scikit-learn, and where the answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal, spearmanr
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score

from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments import measures
from customer_segmentation.segments.measures import (
    FIXED,
    PIPELINE,
    compare_fixed_pair,
    compare_pair,
    draw_copula,
    draw_from_box,
    draw_pair,
    measure_gap,
    measure_separation,
    measure_silhouettes,
    permute_columns,
    simulate_nulls,
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
PAIR_SEED = seed_for(2018, Purpose.PAIR, 1)


PLAIN_KMEANS, MIXTURE, WARD = METHODS = [
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
    return compare_pair(values, family, references, COUNTS, PAIR_SEED)


def refit(values, specification, half, mode):
    """The scores of all households that the half's solution is found on, written anew."""
    sample = draw_pair(len(values), PAIR_SEED)[half]
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
@pytest.mark.parametrize("method", [PLAIN_KMEANS, MIXTURE, WARD], ids=lambda each: each.algorithm)
def test_agreement_is_that_of_labels_found_one_by_one(values, specification, result, method, mode):
    for k in COUNTS:
        labels = []
        for half in (0, 1):
            sample, placed = refit(values, specification, half, mode)
            found = find_partitions(placed, [k], method, child_of(PAIR_SEED, half + 1), sample)[k]
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
    for method, labels in ((PLAIN_KMEANS, by_kmeans), (WARD, by_ward)):
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
            alone = compare_pair(values, [specification], references, [k], PAIR_SEED)
            assert set(alone.agreements) == {(name, k, FIXED), (name, k, PIPELINE)}
            for key, agreement in alone.agreements.items():
                assert agreement == result.agreements[key]
            assert (alone.jaccards[name, k] == result.jaccards[name, k]).all()


def test_the_order_of_the_methods_changes_nothing(values, family, references, result):
    again = compare_pair(values, family[::-1], references, COUNTS, PAIR_SEED)
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

    monkeypatch.setattr(measures, "find_partitions", remember)
    return remembered


def test_households_outside_a_sample_do_not_touch_its_solution(values, family, references, found):
    outside = np.setdiff1d(np.arange(len(values)), draw_pair(len(values), PAIR_SEED))
    assert len(outside) > 40
    changed = values.copy()
    changed.iloc[outside] = values.iloc[outside[::-1]].to_numpy() * 1.3
    for each in (values, changed):
        compare_pair(each, family[1:2], references, [3], PAIR_SEED)
    fixed, refitted, fixed_changed, refitted_changed = (found[i : i + 2] for i in (0, 2, 4, 6))
    for before, after in zip(refitted, refitted_changed, strict=True):
        assert (before[3].centres == after[3].centres).all()
        assert (before[3].variances == after[3].variances).all()
    # On fixed scores they do, by the caps, means and standard deviations.
    for before, after in zip(fixed, fixed_changed, strict=True):
        assert not np.allclose(before[3].centres, after[3].centres, atol=1e-6)


def test_samples_are_drawn_with_replacement_and_by_the_seed_alone():
    first, second = draw_pair(5_000, PAIR_SEED)
    assert len(first) == len(second) == 5_000
    for sample in (first, second):
        assert sample.min() >= 0
        assert sample.max() < 5_000
        # About 1 - 1/e of the households are drawn at least once.
        assert len(set(sample)) / 5_000 == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert len(set(first) & set(second)) / 5_000 == pytest.approx((1 - np.exp(-1)) ** 2, abs=0.03)
    assert (draw_pair(5_000, PAIR_SEED) == [first, second]).all()
    others = [draw_pair(5_000, seed_for(*numbers)) for numbers in ((2018, 1, 2), (2019, 1, 1))]
    for other in others:
        assert not (other == [first, second]).all(axis=1).any()


def test_agreement_is_the_adjusted_rand_index_by_hand(monkeypatch):
    labelings = [np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 1, 0, 0, 0])]
    answers = iter(labelings)
    monkeypatch.setattr(measures, "solve", lambda *_: {3: next(answers)})
    found = compare_fixed_pair(np.zeros((6, 1)), [3], PLAIN_KMEANS, PAIR_SEED)
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
    table = compare_all(scores, [3], PLAIN_KMEANS, 5, 1)
    assert table[3].tolist() == [1.0] * 5


def test_without_structure_five_groups_do_not_agree():
    scores = np.random.default_rng(2).normal(size=(300, 4))
    assert compare_all(scores, [5], PLAIN_KMEANS, 5, 2)[5].median() < 0.6


@pytest.fixture(scope="module")
def forty(scores):
    return compare_all(scores, [3, 4], PLAIN_KMEANS, 40, 2018)


def test_other_counts_change_nothing(scores, forty):
    few = compare_all(scores, [2, 3], PLAIN_KMEANS, 4, 2018)
    assert few[3].tolist() == forty.loc[:3, 3].tolist()


def test_both_ways_to_compare_on_fixed_scores_agree(scores, forty, result):
    assert forty.loc[0, 3] == result.agreements["kmeans", 3, FIXED]
    fixed = compare_fixed_pair(scores, COUNTS, WARD, PAIR_SEED)
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


KMEANS = Method(algorithm="kmeans", starts=10, variance_floor=0.05)
SEED = np.random.SeedSequence(7)
FEW_STARTS = Method(algorithm="kmeans", starts=5, variance_floor=0.05)
NULL_SEED = np.random.SeedSequence(11)


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
    found = measure_gap(scores, counts, KMEANS, SEED, references)
    assert found["k"].tolist() == counts
    np.testing.assert_allclose(found["gap"], drawn.mean(axis=0) - measure_logs(scores), atol=0.01)
    # Few references, so that the factor sqrt(1 + 1/3) and the divisor of the variance show.
    expected = drawn.std(axis=0) * np.sqrt(4 / 3)
    np.testing.assert_allclose(found["gap_se"], expected, rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("algorithm", ["kmeans", "ward", "gaussian_mixture"])
def test_three_blobs_are_three(algorithm):
    method = KMEANS.model_copy(update={"algorithm": algorithm})
    gaps = measure_gap(draw_blobs(4), range(1, 6), method, SEED, 10)
    assert choose(gaps) == 3
    assert gaps["gap"].idxmax() == 2


@pytest.mark.parametrize("seed", range(3))
def test_the_first_two_simulations_of_the_gap_paper(seed):
    generator = np.random.default_rng(seed)
    uniform = generator.uniform(size=(200, 10))
    assert choose(measure_gap(uniform, range(1, 6), KMEANS, SEED, 10)) == 1
    centres = np.repeat([[0.0, 0.0], [0.0, 5.0], [5.0, -3.0]], [25, 25, 50], axis=0)
    groups = centres + generator.normal(size=(100, 2))
    assert choose(measure_gap(groups, range(1, 6), KMEANS, SEED, 10)) == 3


def test_a_thin_slanted_cloud_has_no_segments():
    # A box along the variables would be nearly empty off the diagonal, and k = 1 would lose.
    x = np.linspace(0, 1, 200)
    scores = np.column_stack([x, x + np.random.default_rng(7).uniform(-0.01, 0.01, size=200)])
    assert choose(measure_gap(scores, range(1, 5), KMEANS, SEED, 20)) == 1


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


def test_equal_seeds_give_equal_gaps_whatever_the_other_counts():
    scores = draw_blobs(9)
    alone = measure_gap(scores, [2, 3, 4], KMEANS, SEED, 5)
    one = measure_gap(scores, [3], KMEANS, SEED, 5)
    assert one.equals(alone[alone["k"] == 3].reset_index(drop=True))
    other = measure_gap(scores, [2, 3, 4], KMEANS, np.random.SeedSequence(8), 5)
    assert not alone["gap"].equals(other["gap"])


def draw_cloud(seed: int, households: int = 60, scores: int = 4) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(scores, scores))
    return generator.normal(size=(households, scores)) @ mixing + generator.normal(size=scores)


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


# Nulls


@pytest.fixture(scope="module")
def skewed() -> np.ndarray:
    """Three linked scores: skewed, with many exact zeros, and rounded."""
    generator = np.random.default_rng(1)
    normal = generator.multivariate_normal(
        np.zeros(3), [[1, 0.7, -0.4], [0.7, 1, -0.5], [-0.4, -0.5, 1]], size=2000
    )
    return np.column_stack(
        [np.exp(normal[:, 0]), np.maximum(normal[:, 1], -0.7), normal[:, 2].round(1)]
    )


@pytest.mark.parametrize("draw", [permute_columns, draw_copula])
def test_a_null_keeps_every_distribution_exactly_and_changes_nothing_else(draw, skewed):
    before = skewed.copy()
    drawn = draw(skewed, np.random.default_rng(2))
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(skewed, axis=0))
    np.testing.assert_array_equal(skewed, before)
    assert (drawn != skewed).any(axis=0).all()
    again = draw(skewed, np.random.default_rng(2))
    np.testing.assert_array_equal(drawn, again)
    assert not np.array_equal(drawn, draw(skewed, np.random.default_rng(3)))


def test_the_copula_keeps_the_rank_correlations(skewed):
    generator = np.random.default_rng(4)
    drawn = [spearmanr(draw_copula(skewed, generator)).statistic for _ in range(20)]
    # Chance is about .02 / sqrt(20); a quarter of equal values costs another hundredth.
    np.testing.assert_allclose(np.mean(drawn, axis=0), spearmanr(skewed).statistic, atol=0.025)


def test_normal_scores_keep_their_product_moment_correlation():
    # Spearman's .786 belongs to the normal correlation 2 sin(pi / 6 * .786) = .8, not to .786.
    normal = np.random.default_rng(5).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=4000)
    generator = np.random.default_rng(6)
    drawn = [np.corrcoef(draw_copula(normal, generator).T)[0, 1] for _ in range(40)]
    assert np.mean(drawn) == pytest.approx(np.corrcoef(normal.T)[0, 1], abs=0.004)


def test_permuting_breaks_every_link(skewed):
    drawn = spearmanr(permute_columns(skewed, np.random.default_rng(7))).statistic
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


def test_a_constant_score_stays_and_the_others_keep_their_link(skewed):
    linked = skewed[:, :2]
    constant = np.column_stack([linked, np.full(len(linked), 2.0)])
    drawn = draw_copula(constant, np.random.default_rng(9))
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(constant, axis=0))
    found, expected = (spearmanr(*data.T).statistic for data in (drawn[:, :2], linked))
    assert found == pytest.approx(expected, abs=0.08)


def test_with_a_single_score_the_nulls_are_the_data():
    # Only the order of the households changes, so separation is known, and far groups come back.
    scores = (np.repeat([0.0, 10.0, 30.0], 30) + np.tile(np.linspace(0, 1, 30), 3))[:, np.newaxis]
    found = simulate_nulls(scores, [2, 3], FEW_STARTS, 2, 3, NULL_SEED, 1)
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
    found = simulate_nulls(scores, [2, 4], FEW_STARTS, 4, 5, NULL_SEED, 1)
    permuted = found[found["null"] == "permuted"].groupby("k")[["ari", "silhouette"]].min()
    assert permuted.loc[4, "ari"] > 0.99
    assert permuted.loc[4, "silhouette"] > 0.8
    assert permuted.loc[2, "silhouette"] < 0.6


def test_a_draw_reports_the_median_over_its_pairs(monkeypatch, skewed):
    seeds = []

    def compare(data, counts, method, seed):
        seeds.append(seed.spawn_key)
        assert method is FEW_STARTS
        return {k: k + (0, 0, 9)[len(seeds) % 3] for k in counts}

    monkeypatch.setattr(measures, "compare_fixed_pair", compare)
    found = simulate_nulls(skewed[:100], [3, 2], FEW_STARTS, 2, 3, NULL_SEED, 1)
    assert (found["ari"] == found["k"]).all()
    assert len(seeds) == len(set(seeds)) == 2 * 2 * 3


def test_rows_are_in_order_and_do_not_depend_on_the_workers(skewed):
    some = skewed[:120]
    alone, together = (
        simulate_nulls(some, [2, 3], FEW_STARTS, 3, 2, NULL_SEED, workers) for workers in (1, 2)
    )
    assert alone.equals(together)
    keys = alone[["null", "draw", "k"]].itertuples(index=False, name=None)
    expected = [(n, d, k) for n in ("permuted", "copula") for d in (1, 2, 3) for k in (2, 3)]
    assert list(keys) == expected
    assert alone.columns.tolist() == ["k", "null", "draw", "ari", "silhouette"]
    # Every draw is a data set of its own.
    assert alone.loc[alone["k"] == 2, "silhouette"].nunique() == 6


def test_more_draws_pairs_or_counts_leave_the_rest_as_it_is(skewed):
    few = simulate_nulls(skewed[:120], [3], FEW_STARTS, 2, 2, NULL_SEED, 1)
    many = simulate_nulls(skewed[:120], [2, 3], FEW_STARTS, 3, 2, NULL_SEED, 1)
    rest = many[(many["k"] == 3) & (many["draw"] < 3)].reset_index(drop=True)
    assert few.equals(rest)
    pairs = simulate_nulls(skewed[:120], [3], FEW_STARTS, 2, 4, NULL_SEED, 1)
    assert pairs["silhouette"].equals(few["silhouette"])
