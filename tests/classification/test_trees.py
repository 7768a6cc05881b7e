"""Trees answer and are explained as by the libraries that grew them, and by the definitions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
import xgboost
from pydantic import ValidationError
from shap import TreeExplainer
from sklearn.ensemble import RandomForestClassifier
from xgboost import DMatrix, XGBClassifier

from customer_segmentation.classification.importance import attribute_boosting, attribute_forest
from customer_segmentation.classification.models import SMALLEST
from customer_segmentation.classification.trees import Trees, list_boosted_trees, list_forest

KINDS = [(model, segments) for model in ("xgboost", "rf") for segments in (2, 3)]
EITHER_WAY = np.array([-np.inf, np.inf], np.float32)


def draw_points(segments: int) -> tuple[np.ndarray, np.ndarray]:
    """Households with missing values, some of which say much, and their segments."""
    rng = np.random.default_rng(4)
    points = rng.normal(size=(400, 6))
    labels = np.digitize(points[:, 0] + rng.normal(size=400) / 2, [-0.5, 0.8][: segments - 1])
    missing = rng.random(points.shape) < 0.2
    labels[missing[:, 1]] = segments - 1
    points[missing] = np.nan
    return points, labels


@cache
def grow(model: str, segments: int) -> tuple[Trees, Any, np.ndarray]:
    """The trees of a fitted classifier, the classifier, and ordinary and awkward households."""
    points, labels = draw_points(segments)
    original: Any
    if model == "rf":
        original = RandomForestClassifier(12, min_samples_leaf=2, random_state=0)
        trees = list_forest(original.fit(points, labels))
    else:
        original = XGBClassifier(n_estimators=12, max_depth=3, tree_method="hist", n_jobs=1)
        trees = list_boosted_trees(original.fit(points, labels).get_booster())
    wild = np.where(np.random.default_rng(1).random(points.shape) < 0.3, -1e6, points)
    households = [points, wild, put_at_thresholds(trees, points), points[:1] * np.nan]
    return trees, original, np.concatenate(households)


def put_at_thresholds(trees: Trees, points: np.ndarray) -> np.ndarray:
    """Households that stand at a threshold of their own, just below and just above it."""
    inner = ~trees.are_leaves & (trees.thresholds < np.finfo(np.float32).max)
    columns, thresholds = trees.columns[inner], trees.thresholds[inner]
    places = [np.nextafter(thresholds, way) for way in EITHER_WAY]
    moved = points[np.arange(3 * len(columns)) % len(points)]
    moved[np.arange(len(moved)), np.tile(columns, 3)] = np.concatenate([thresholds, *places])
    return moved


def change(trees: Trees, **parts: Any) -> Trees:
    return Trees.model_validate({**trees.model_dump(), **parts})


# As the libraries


@pytest.mark.parametrize(("model", "segments"), KINDS)
def test_probabilities_are_those_of_the_library_even_at_a_threshold(model, segments):
    trees, original, points = grow(model, segments)
    answers, expected = trees.predict_proba(points), original.predict_proba(points)
    if model == "rf":
        np.testing.assert_array_equal(answers, expected)
    else:  # which adds up in single precision
        np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(answers.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("model", "segments"), KINDS)
def test_contributions_are_those_of_the_library(model, segments):
    trees, original, points = grow(model, segments)
    if model == "rf":
        expected, tolerance = attribute_forest(points, original), 1e-9
    else:
        expected, tolerance = attribute_boosting(points, original.get_booster()), 1e-5
    contributions, base = trees.attribute(points)
    np.testing.assert_allclose(contributions, expected.contributions, rtol=1e-9, atol=tolerance)
    np.testing.assert_allclose(base, expected.base, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("model", "segments"), KINDS)
def test_contributions_add_up_to_the_log_probabilities(model, segments):
    trees, _, points = grow(model, segments)
    contributions, base = trees.attribute(points)
    assert contributions.shape == (*points.shape, segments)
    logs = np.log(trees.predict_proba(points).clip(SMALLEST if model == "rf" else 0))
    sums = base + contributions.sum(axis=1)
    np.testing.assert_allclose(centre(sums), centre(logs), rtol=0, atol=1e-9)


def centre(margins):
    return margins - margins.mean(axis=-1, keepdims=True)


SETTINGS = [
    {"base_score": 0.3},
    {"num_parallel_tree": 3, "subsample": 0.6},
    {"min_child_weight": 0, "learning_rate": 1.0, "max_depth": 6, "n_estimators": 40},
    {"max_depth": 1, "n_estimators": 1},
    {"gamma": 1e6},
]


@pytest.mark.parametrize("segments", [2, 3])
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_boosted_trees_of_any_setting_are_read_as_xgboost_reads_them(setting, segments):
    points, labels = draw_points(segments)
    usual = {"n_estimators": 8, "max_depth": 3, "tree_method": "hist", "n_jobs": 1}
    booster = XGBClassifier(**{**usual, **setting}).fit(points, labels).get_booster()
    trees = list_boosted_trees(booster)
    margins = booster.inplace_predict(points, predict_type="margin").reshape(len(points), -1)
    mirrored = margins if segments > 2 else np.concatenate([-margins, margins], axis=1) / 2
    np.testing.assert_allclose(trees.sum_leaves(points), mirrored, rtol=1e-6, atol=1e-5)
    (contributions, base), expected = trees.attribute(points), attribute_boosting(points, booster)
    np.testing.assert_allclose(contributions, expected.contributions, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(base, expected.base, rtol=1e-5, atol=1e-4)


def test_missing_values_go_both_ways_as_a_forest_sends_them():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    missing = rng.random(points.shape) < 0.3
    labels = np.where(missing[:, 0], 2, (points[:, 1] > 0).astype(int))
    points[missing] = np.nan
    forest = RandomForestClassifier(10, random_state=0).fit(points, labels)
    trees = list_forest(forest)
    assert set(trees.missing_left[~trees.are_leaves]) == {False, True}
    assert (trees.thresholds == np.finfo(np.float32).max).any()  # only missing values go right
    np.testing.assert_array_equal(trees.predict_proba(points), forest.predict_proba(points))
    contributions = change(trees, model="xgboost").attribute(points).contributions / 10
    np.testing.assert_allclose(contributions, TreeExplainer(forest).shap_values(points), atol=1e-9)


def test_a_forest_that_never_asks_is_of_single_leaves():
    points, labels = draw_points(2)
    lonely = RandomForestClassifier(3, min_samples_leaf=len(points)).fit(points, labels)
    trees = list_forest(lonely)
    assert trees.roots.tolist() == [0, 1, 2]
    np.testing.assert_allclose(trees.predict_proba(points), lonely.predict_proba(points))


def test_households_of_training_weigh_the_branches():
    trees, _, _ = grow("rf", 3)
    inner = np.flatnonzero(~trees.are_leaves)
    below = trees.cover[trees.left[inner]] + trees.cover[trees.right[inner]]
    np.testing.assert_array_equal(trees.cover[inner], below)


# The same bits, however they are asked


@pytest.mark.parametrize("model", ["xgboost", "rf"])
def test_trees_come_back_from_json_with_the_same_bits(model):
    trees, _, points = grow(model, 3)
    back = Trees.model_validate_json(trees.model_dump_json())
    np.testing.assert_array_equal(back.predict_proba(points), trees.predict_proba(points))
    (contributions, base), expected = back.attribute(points), trees.attribute(points)
    np.testing.assert_array_equal(contributions, expected.contributions)
    np.testing.assert_array_equal(base, expected.base)


@pytest.mark.parametrize("model", ["xgboost", "rf"])
def test_a_household_alone_gets_the_very_bits_that_it_gets_among_others(model):
    trees, _, points = grow(model, 3)
    for rows in (points[590:650], points[590:650].astype(np.float32), points[650:590:-1]):
        among_others, alone = trees.sum_leaves(rows), [trees.sum_leaves(row[None]) for row in rows]
        np.testing.assert_array_equal(np.concatenate(alone), among_others)
        among_others, base = trees.attribute(rows)
        alone = [trees.attribute(row[None]) for row in rows]
        np.testing.assert_array_equal(np.concatenate([each for each, _ in alone]), among_others)
        np.testing.assert_array_equal([each for _, each in alone], [base] * len(rows))


def test_threads_do_not_disturb_one_another():
    trees, _, points = grow("rf", 3)
    parts = np.array_split(points, 8)
    with ThreadPoolExecutor(4) as pool:
        sums = np.concatenate(list(pool.map(trees.sum_leaves, parts)))
        contributions = np.concatenate([each for each, _ in pool.map(trees.attribute, parts)])
    np.testing.assert_array_equal(sums, trees.sum_leaves(points))
    np.testing.assert_array_equal(contributions, trees.attribute(points)[0])


def test_rows_may_lie_in_memory_in_any_way_and_stay_as_they_are():
    trees, _, points = grow("xgboost", 3)
    before = points.copy()
    expected, (contributions, _) = trees.sum_leaves(points), trees.attribute(points)
    wide = np.concatenate([points, points], axis=1)
    for same in (np.asfortranarray(points), wide[:, : points.shape[1]]):
        np.testing.assert_array_equal(trees.sum_leaves(same), expected)
        np.testing.assert_array_equal(trees.attribute(same)[0], contributions)
    np.testing.assert_array_equal(points, before)


# SHAP values by their definition


class Garden:
    """Random trees, node by node; every tree is put down before its children are."""

    def __init__(self, seed, columns):
        self.rng = np.random.default_rng(seed)
        self.columns = columns
        self.nodes = []
        self.roots = []

    def plant(self, depth, cover=1000.0):
        self.roots.append(len(self.nodes))
        self._grow(depth, cover)
        return self

    def _grow(self, depth, cover):
        number, rng = len(self.nodes), self.rng
        self.nodes.append(None)
        if depth == 0 or rng.random() < 0.1:
            self.nodes[number] = (0, 0.0, number, number, False, cover, rng.normal(size=3))
            return number
        share = rng.uniform(0.05, 0.95)
        column, threshold = rng.integers(self.columns), rng.integers(-2, 3)
        left = self._grow(depth - 1, share * cover)
        right = self._grow(depth - 1, (1 - share) * cover)
        way = bool(rng.integers(2))
        self.nodes[number] = (column, threshold, left, right, way, cover, rng.normal(size=3))
        return number

    def harvest(self):
        columns, thresholds, left, right, ways, cover, outputs = map(
            np.array, zip(*self.nodes, strict=True)
        )
        return Trees(
            model="xgboost",
            roots=np.array(self.roots),
            columns=columns,
            thresholds=thresholds,
            left=left,
            right=right,
            missing_left=ways,
            cover=cover,
            outputs=outputs,
            intercepts=np.array([0.5, -1.0, 0.0]),
        )


def follow(trees, node, row, known):
    """What a household is expected to get from a node if only some of its columns are known."""
    left, right = trees.left[node], trees.right[node]
    if left == node:
        return trees.outputs[node]
    column = trees.columns[node]
    if column not in known:
        parts = [trees.cover[each] * follow(trees, each, row, known) for each in (left, right)]
        return sum(parts) / trees.cover[node]
    value = row[column]
    goes_left = trees.missing_left[node] if np.isnan(value) else value <= trees.thresholds[node]
    return follow(trees, left if goes_left else right, row, known)


def expect(trees, row, known):
    return trees.intercepts + sum(follow(trees, root, row, known) for root in trees.roots)


def shapley_values(trees, row):
    columns = range(len(row))
    worth = {
        known: expect(trees, row, known)
        for size in range(len(row) + 1)
        for known in map(frozenset, combinations(columns, size))
    }
    values = np.zeros((len(row), len(trees.intercepts)))
    for known, without in worth.items():
        for column in set(columns) - known:
            weight = len(row) * comb(len(row) - 1, len(known))
            values[column] += (worth[known | {column}] - without) / weight
    return values


def draw_rows(rng, count, columns):
    rows = rng.integers(-3, 4, size=(count, columns)).astype(float)  # often at a threshold
    rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows


def ask_twice(trees):
    """Whether a path asks for a column, then for another, then for the first again."""

    def look(node, asked):
        column = trees.columns[node]
        if trees.are_leaves[node]:
            return False
        if column in asked and asked[-1] != column:
            return True
        return any(look(each, [*asked, column]) for each in (trees.left[node], trees.right[node]))

    return any(look(root, []) for root in trees.roots)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("columns", [1, 2, 5])
def test_contributions_are_shapley_values_by_definition(seed, columns):
    garden = Garden(seed, columns)
    trees = garden.plant(5).plant(0).plant(4).harvest()
    assert ask_twice(trees) == (columns > 1)
    rows = draw_rows(garden.rng, 12, columns)
    contributions, base = trees.attribute(rows)
    np.testing.assert_allclose(base, expect(trees, rows[0], frozenset()), atol=1e-12)
    for row, own in zip(rows, contributions, strict=True):
        np.testing.assert_allclose(own, shapley_values(trees, row), atol=1e-12)


def test_sums_are_what_a_household_gets_that_is_wholly_known():
    garden = Garden(7, 4)
    trees = garden.plant(6).plant(3).plant(0).harvest()
    rows = draw_rows(garden.rng, 200, 4)
    expected = [expect(trees, row, frozenset(range(4))) for row in rows]
    np.testing.assert_allclose(trees.sum_leaves(rows), expected, atol=1e-12)


def build_ladder(steps, share):
    """A tree that asks for one column after the other, and adds 1 to those who always go right."""
    inner = np.arange(0, 2 * steps, 2)
    nodes = np.arange(2 * steps + 1)
    left, right = nodes.copy(), nodes.copy()
    left[inner], right[inner] = inner + 1, inner + 2
    cover = share ** (nodes // 2).astype(float)
    cover[inner + 1] = cover[inner] * (1 - share)
    return Trees(
        model="xgboost",
        roots=np.zeros(1, int),
        columns=nodes // 2,
        thresholds=np.zeros(len(nodes)),
        left=left,
        right=right,
        missing_left=np.zeros(len(nodes), bool),
        cover=cover,
        outputs=(nodes == 2 * steps).astype(float)[:, np.newaxis],
        intercepts=np.zeros(1),
    )


@pytest.mark.parametrize("steps", [1, 2, 3, 16, 17, 32, 33, 50])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_long_paths_are_integrated_exactly(steps, share):
    trees = build_ladder(steps, share)
    contributions, base = trees.attribute(np.ones((1, steps)))
    np.testing.assert_allclose(base, share**steps, rtol=1e-12)
    # All columns play the same part, so each has an equal share of what they add up to.
    np.testing.assert_allclose(contributions, (1 - share**steps) / steps, rtol=1e-11)


@pytest.mark.parametrize("steps", [2, 9, 40])
def test_who_leaves_a_long_path_owes_it_to_the_column_at_which_he_leaves(steps):
    share = 0.5
    rows = np.ones((1, steps))
    rows[0, 0] = -1.0
    contributions = build_ladder(steps, share).attribute(rows)[0][0, :, 0]
    # With s others known, the first column takes share^(steps - 1 - s) x share away; another
    # column adds only as long as the first is not known.
    taken = np.mean([share ** (steps - known) for known in range(steps)])
    np.testing.assert_allclose(contributions[0], -taken, rtol=1e-11)
    others = (taken - share**steps) / (steps - 1)
    np.testing.assert_allclose(contributions[1:], others, rtol=1e-9)


def test_trees_of_a_single_leaf_have_nothing_to_explain():
    trees = Garden(3, 2).plant(0).plant(0).harvest()
    contributions, base = trees.attribute(np.full((4, 2), np.nan))
    np.testing.assert_array_equal(contributions, np.zeros((4, 2, 3)))
    np.testing.assert_allclose(base, trees.outputs.sum(axis=0) + trees.intercepts)
    np.testing.assert_allclose(trees.sum_leaves(np.zeros((2, 0))), [base, base])


def test_no_household_gets_no_sums():
    trees = Garden(3, 2).plant(3).harvest()
    assert trees.sum_leaves(np.empty((0, 2))).shape == (0, 3)
    assert trees.attribute(np.empty((0, 2)))[0].shape == (0, 2, 3)


def test_columns_that_no_tree_asks_for_contribute_nothing():
    trees = Garden(5, 2).plant(4).harvest()
    rows = draw_rows(np.random.default_rng(5), 9, 4)
    contributions, _ = trees.attribute(rows)
    assert np.abs(contributions[:, :2]).max() > 0.01
    np.testing.assert_array_equal(contributions[:, 2:], 0)
    np.testing.assert_array_equal(trees.attribute(rows[:, :2])[0], contributions[:, :2])


# What cannot be trees

PLAIN: dict[str, list[Any]] = {  # a tree that asks once, and a tree of a single leaf
    "roots": [0, 3],
    "columns": [0, 0, 0, 0],
    "thresholds": [0.5, 0.0, 0.0, 0.0],
    "left": [1, 1, 2, 3],
    "right": [2, 1, 2, 3],
    "missing_left": [True, False, False, False],
    "cover": [10.0, 4.0, 6.0, 10.0],
    "outputs": [[0.0, 0.0], [0.25, 0.75], [1.0, 0.0], [0.5, 0.5]],
    "intercepts": [0.0, 0.0],
}
LISTS = set(PLAIN) - {"roots", "intercepts"}
SPOILT = [
    ("roots", [], "at least 1"),
    ("roots", [0, 99], "not there"),
    ("roots", [0, -1], "greater than or equal to 0"),
    ("roots", [0, 10**30], "less than"),
    ("roots", [0, 1], "no branch leads to a node, or more"),
    ("roots", [0, 0], "no branch leads to a node, or more"),
    ("left", [99, 1, 2, 3], "not there"),
    ("left", [0, 1, 2, 3], "leads back"),
    ("left", [2, 1, 2, 3], "no branch leads to a node, or more"),
    ("left", [1.0, 1, 2, 3], "integer"),
    ("right", [2, 0, 2, 3], "leads back"),
    ("columns", [-1, 0, 0, 0], "greater than or equal to 0"),
    ("thresholds", [1e39, 0.0, 0.0, 0.0], "less than or equal to 3"),
    ("thresholds", [float("nan"), 0.0, 0.0, 0.0], "finite"),
    ("missing_left", [1, False, False, False], "boolean"),
    ("cover", [10.0, 0.0, 6.0, 10.0], "greater than 0"),
    ("cover", [10.0, float("nan"), 6.0, 10.0], "finite"),
    ("intercepts", [0.0], "differ in their number"),
    ("outputs", [[0.5, 0.5], *[[1.0]] * 3], "differ in length"),
    ("outputs", [[0.0, 0.0], *[[1.5, -0.5]] * 3], "shares, which sum to 1"),
    ("outputs", [[0.0, 0.0], *[[0.5, 0.6]] * 3], "shares, which sum to 1"),
    ("intercepts", [0.5, -0.5], "shares, which sum to 1"),
    *((name, PLAIN[name][1:], "differ in length") for name in sorted(LISTS)),
    ("model", "svm", "'xgboost' or 'rf'"),
    ("depth", 3, "Extra inputs"),
]


@pytest.mark.parametrize(("name", "value", "why"), SPOILT)
def test_trees_that_could_answer_wrongly_are_refused(name, value, why):
    plain = {"model": "rf", **PLAIN}
    assert Trees.model_validate(plain).fits(1, 2)
    with pytest.raises(ValidationError, match=why):
        Trees.model_validate({**plain, name: value})


def test_trees_fit_as_many_columns_as_they_need_and_their_segments():
    trees = build_ladder(3, 0.5)
    assert [trees.fits(columns, 1) for columns in (2, 3, 4)] == [False, True, True]
    assert not trees.fits(3, 2)
    for answer in (trees.sum_leaves, trees.attribute):
        with pytest.raises(ValueError, match="need 3 columns, not 1"):
            answer(np.zeros((2, 1)))


def train(kind="q", **settings):
    points = np.random.default_rng(2).normal(size=(200, 3))
    points[:, 2] = np.arange(200) % 5
    labels = np.digitize(points[:, 0], [-0.5, 0.5]) + (points[:, 2] == 3)
    types = {"feature_types": ["q", "q", kind], "enable_categorical": True}
    data = DMatrix(points, labels, **(types if kind == "c" else {}))
    usual = {"objective": "multi:softprob", "num_class": 4, "nthread": 1}
    return xgboost.train({**usual, **settings}, data, 3)


OTHERS = [
    ({"booster": "dart"}, "multi:softprob by dart"),
    ({"booster": "gblinear"}, "multi:softprob by gblinear"),
    ({"objective": "reg:squarederror", "num_class": 0}, "reg:squarederror by gbtree"),
    ({"multi_strategy": "multi_output_tree"}, "several numbers at once"),
    ({"kind": "c"}, "splits by sets"),
    ({"tree_method": "exact", "gamma": 9}, "no branch leads to a node"),  # nodes that were pruned
]


@pytest.mark.parametrize(("settings", "why"), OTHERS, ids=str)
def test_trees_of_xgboost_that_would_be_answered_wrongly_are_refused(settings, why):
    booster = train(**settings)
    with pytest.raises(ValueError, match=why):
        list_boosted_trees(booster)
