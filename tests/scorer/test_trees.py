"""Trees answer and are explained as by the libraries that grew them, and by the definitions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import combinations
from math import comb

import numpy as np
import pytest
import xgboost
from shap import TreeExplainer
from sklearn.ensemble import RandomForestClassifier
from xgboost import DMatrix, XGBClassifier

from customer_segmentation.scorer.estimators import BoostedTrees, extract_estimator
from customer_segmentation.scorer.trees import Trees

KINDS = [(model, segments) for model in ("xgboost", "rf") for segments in (2, 3)]
EITHER_WAY = np.array([-np.inf, np.inf], np.float32)


@pytest.fixture
def grown(fit, awkward):
    """The trees of a fitted classifier, the classifier, and ordinary and awkward households."""

    def grown_by(model, segments):
        original = fit(model, segments)
        encoded = original.encoder.transform(awkward)
        return extract_estimator(original).trees, original.estimator, encoded

    return grown_by


def put_at_thresholds(trees, encoded):
    """Households that stand at a threshold of their own, just below and just above it."""
    inner = ~trees.are_leaves & (trees.thresholds < np.finfo(np.float32).max)
    columns, thresholds = trees.columns[inner], trees.thresholds[inner]
    places = [np.nextafter(thresholds, way) for way in EITHER_WAY]
    moved = encoded[np.arange(3 * len(columns)) % len(encoded)]
    moved[np.arange(len(moved)), np.tile(columns, 3)] = np.concatenate([thresholds, *places])
    return moved


def margins_of(classifier, encoded):
    booster = getattr(classifier, "classifier_", classifier).get_booster()
    margins = booster.inplace_predict(encoded, predict_type="margin").reshape(len(encoded), -1)
    return mirror(margins.astype(float))


def mirror(margins):
    return margins if margins.shape[-1] > 1 else np.concatenate([-margins, margins], axis=-1) / 2


# Sums


@pytest.mark.parametrize(("model", "segments"), KINDS)
def test_sums_are_those_of_the_library_even_at_a_threshold(grown, model, segments):
    trees, original, encoded = grown(model, segments)
    everyone = np.concatenate([encoded, put_at_thresholds(trees, encoded)])
    answers = trees.sum_leaves(everyone)
    if model == "rf":
        answers = answers / len(trees.roots)
        np.testing.assert_array_equal(answers, original.predict_proba(everyone))
    else:  # which adds up in single precision
        np.testing.assert_allclose(answers, margins_of(original, everyone), rtol=0, atol=3e-6)
    labels = original.predict_proba(everyone).argmax(axis=1)
    np.testing.assert_array_equal(answers.argmax(axis=1), labels)


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
    rng = np.random.default_rng(4)
    points = rng.normal(size=(300, 6))
    labels = np.digitize(points[:, 0] + rng.normal(size=300) / 2, [-0.5, 0.8][: segments - 1])
    points[rng.random(points.shape) < 0.2] = np.nan
    usual = {"n_estimators": 8, "max_depth": 3, "tree_method": "hist", "n_jobs": 1}
    model = XGBClassifier(**{**usual, **setting}).fit(points, labels)
    trees = BoostedTrees(ubj=bytes(model.get_booster().save_raw("ubj"))).trees
    expected = margins_of(model, points)
    np.testing.assert_allclose(trees.sum_leaves(points), expected, rtol=1e-6, atol=1e-5)
    contributions, base = trees.attribute(points)
    own = mirror(explain_boosting(model.get_booster(), points))
    np.testing.assert_allclose(contributions, own[:, :-1], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(base, own[0, -1], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("model", "segments"), KINDS)
def test_a_household_alone_gets_the_very_bits_that_it_gets_among_others(grown, model, segments):
    trees, _, encoded = grown(model, segments)
    for rows in (
        encoded[590:650],
        encoded[590:650].astype(np.float32),
        encoded[:, ::1][650:590:-1],
    ):
        among_others, alone = trees.sum_leaves(rows), [trees.sum_leaves(row[None]) for row in rows]
        np.testing.assert_array_equal(np.concatenate(alone), among_others)
        among_others, base = trees.attribute(rows)
        alone = [trees.attribute(row[None]) for row in rows]
        np.testing.assert_array_equal(np.concatenate([each for each, _ in alone]), among_others)
        np.testing.assert_array_equal([each for _, each in alone], [base] * len(rows))


def test_threads_do_not_disturb_one_another(grown):
    trees, _, encoded = grown("rf", 3)
    parts = np.array_split(encoded, 8)
    with ThreadPoolExecutor(4) as pool:
        sums = np.concatenate(list(pool.map(trees.sum_leaves, parts)))
        contributions = np.concatenate([each for each, _ in pool.map(trees.attribute, parts)])
    np.testing.assert_array_equal(sums, trees.sum_leaves(encoded))
    np.testing.assert_array_equal(contributions, trees.attribute(encoded)[0])


def test_rows_may_lie_in_memory_in_any_way_and_stay_as_they_are(grown):
    trees, _, encoded = grown("xgboost", 3)
    before = encoded.copy()
    expected, (contributions, _) = trees.sum_leaves(encoded), trees.attribute(encoded)
    wide = np.concatenate([encoded, encoded], axis=1)
    for same in (np.asfortranarray(encoded), wide[:, : encoded.shape[1]]):
        np.testing.assert_array_equal(trees.sum_leaves(same), expected)
        np.testing.assert_array_equal(trees.attribute(same)[0], contributions)
    np.testing.assert_array_equal(encoded, before)


# SHAP values by the libraries


def explain_boosting(booster, encoded):
    """Households x columns (the last is the base) x margins."""
    parts = booster.predict(DMatrix(encoded, nthread=1), pred_contribs=True).astype(float)
    return parts.reshape(len(encoded), -1, parts.shape[-1]).transpose(0, 2, 1)


@pytest.mark.parametrize(("model", "segments"), KINDS)
def test_contributions_are_those_of_the_library(grown, model, segments):
    trees, original, encoded = grown(model, segments)
    at_thresholds = put_at_thresholds(trees, encoded)
    everyone = np.concatenate([encoded, at_thresholds[::7]])
    contributions, base = trees.attribute(everyone)
    if model == "rf":
        explainer, tolerance = TreeExplainer(original), 1e-9
        contributions, base = contributions / len(trees.roots), base / len(trees.roots)
        expected = explainer.shap_values(everyone)
        np.testing.assert_allclose(base, explainer.expected_value, rtol=0, atol=1e-12)
    else:
        parts = mirror(explain_boosting(original.classifier_.get_booster(), everyone))
        expected, tolerance = parts[:, :-1], 1e-5
        np.testing.assert_allclose(base, parts[0, -1], rtol=0, atol=tolerance)
    np.testing.assert_allclose(contributions, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("model", "segments"), KINDS)
def test_contributions_add_up_to_the_sums(grown, model, segments):
    trees, _, encoded = grown(model, segments)
    contributions, base = trees.attribute(encoded)
    assert contributions.shape == (*encoded.shape, segments)
    sums = base + contributions.sum(axis=1)
    np.testing.assert_allclose(sums, trees.sum_leaves(encoded), rtol=0, atol=1e-12)


def test_missing_values_are_explained_both_ways_that_a_forest_sends_them(fit):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    missing = rng.random(points.shape) < 0.3
    labels = np.where(missing[:, 0], 2, (points[:, 1] > 0).astype(int))
    points[missing] = np.nan
    forest = RandomForestClassifier(10, random_state=0).fit(points, labels)
    original = fit("rf", 3)
    trees = extract_estimator(type(original)(**{**vars(original), "estimator": forest})).trees
    assert set(trees.missing_left[~trees.are_leaves]) == {False, True}
    assert (trees.thresholds == np.finfo(np.float32).max).any()  # only missing values go right
    contributions = trees.attribute(points)[0] / 10
    np.testing.assert_allclose(contributions, TreeExplainer(forest).shap_values(points), atol=1e-9)


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
        thresholds = thresholds.astype(np.float32)
        start = np.array([0.5, -1.0, 0.0])
        return Trees(
            np.array(self.roots), columns, thresholds, left, right, ways, cover, outputs, start
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
    outputs = (nodes == 2 * steps).astype(float)[:, np.newaxis]
    thresholds, ways = np.zeros(len(nodes), np.float32), np.zeros(len(nodes), bool)
    return Trees(
        np.zeros(1, int), nodes // 2, thresholds, left, right, ways, cover, outputs, np.zeros(1)
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


def change(position, value):
    def changed(old):
        new = old.copy()
        new[position] = value
        return new

    return changed


SPOILT = [
    ("roots", change(0, 99), "not there"),
    ("roots", change(0, -1), "not there"),
    ("left", change(0, 99), "not there"),
    ("right", change(0, -1), "not there"),
    ("left", change(0, 0), "leads back"),
    ("right", change(1, 0), "leads back"),
    ("left", change(0, 2), "no branch leads to a node, or more"),
    ("roots", change(1, 1), "no branch leads to a node, or more"),
    ("roots", change(1, 0), "no branch leads to a node, or more"),
    ("cover", change(2, 0.0), "no household has passed a node"),
    ("cover", change(1, -1.0), "no household has passed a node"),
    ("cover", change(1, np.nan), "no household has passed a node"),
    ("columns", change(0, -1), "a column that is not there"),
    ("intercepts", lambda old: np.zeros(2), "differ in their number"),
    *((each.name, lambda old: old[1:], "differ in length") for each in fields(Trees)[1:-1]),
]


@pytest.mark.parametrize(("name", "spoil", "why"), SPOILT)
def test_trees_that_lead_nowhere_are_refused(name, spoil, why):
    trees = build_ladder(3, 0.5)
    trees = replace(trees, roots=np.array([0, 7]), **lengthen(trees))
    with pytest.raises(ValueError, match=why):
        replace(trees, **{name: spoil(getattr(trees, name))})


def lengthen(trees):
    """A tree of a single leaf after the others."""
    of_nodes = ("columns", "thresholds", "missing_left", "cover", "outputs")
    more = {name: np.append(old := getattr(trees, name), old[:1], axis=0) for name in of_nodes}
    return {**more, "left": np.append(trees.left, 7), "right": np.append(trees.right, 7)}


def test_too_few_columns_are_refused(grown):
    trees, _, encoded = grown("xgboost", 3)
    for answer in (trees.sum_leaves, trees.attribute):
        with pytest.raises(ValueError, match=f"need {trees.width} columns, not 1"):
            answer(encoded[:, :1])


def train(kind="q", **settings):
    points = np.random.default_rng(2).normal(size=(200, 3))
    points[:, 2] = np.arange(200) % 5
    labels = np.digitize(points[:, 0], [-0.5, 0.5]) + (points[:, 2] == 3)
    types = {"feature_types": ["q", "q", kind], "enable_categorical": True}
    data = DMatrix(points, labels, **(types if kind == "c" else {}))
    usual = {"objective": "multi:softprob", "num_class": 4, "nthread": 1}
    return xgboost.train({**usual, **settings}, data, 3).save_raw("ubj")


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
    ubj = bytes(train(**settings))
    with pytest.raises(ValueError, match=why):
        BoostedTrees(ubj=ubj)
