"""What depends on what: every variation once more, its scores in plain numpy."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from customer_segmentation.segments import sensitivity
from customer_segmentation.segments.parameters import Variation
from customer_segmentation.segments.partition import Purpose, find_partitions, seed_for
from customer_segmentation.segments.sensitivity import (
    count_moved,
    vary,
    vary_decisions,
)

LOW, HIGH = "Largest brand share, lower bound", "Largest brand share, upper bound"
DECLARED = [
    "Repeat rate alone for loyalty",
    "Usage at half its weight",
    "Usage at twice its weight",
    "Promotion share capped at its 90% quantile",
    "Promotion share without a cap",
]
AGAINST = "Largest brand share (low) against Largest brand share (high)"
THIN, HALVES = "With the thin records", "Two random halves"


@pytest.fixture(scope="module")
def few(few_pairs):
    sensitivity = few_pairs.sensitivity.model_copy(update={"split_halves": 5})
    grid = few_pairs.grid.model_copy(update={"solution_starts": 100})
    return few_pairs.model_copy(update={"sensitivity": sensitivity, "grid": grid})


@pytest.fixture(scope="module")
def measure(_households, _eligible, candidates, codebook, few):
    """Vary the decisions, with one argument or another replaced."""

    def _measure(segmentation=few, candidates=candidates, households=_households):
        return vary_decisions(households, _eligible, candidates, codebook, segmentation)

    return _measure


@pytest.fixture(scope="module")
def table(measure):
    return measure()


@pytest.fixture(scope="module")
def plain(_households, _features, few, codebook):
    """Segments of the eligible households, by scores in plain numpy."""
    columns = _households.join(_features.drop(columns="household_id")).astype(float)
    columns = {name: column.to_numpy() for name, column in columns.items()}
    eligible = np.flatnonzero(~_features["thin_record"])

    def label(loyalty="brand_loyalty_mid", usage=1.0, cap=0.95, training=eligible):
        def z(values):
            return (values - values[training].mean()) / values[training].std()

        def capped(values, lower, upper):
            return np.clip(values, *np.quantile(values[training], [lower, upper]))

        chances = columns["transactions"] - 1
        repeats = columns["transactions"] - columns["brand_runs"]
        pooled = repeats[training].sum() / chances[training].sum()
        rate = z((repeats + 5 * pooled) / (chances + 5))
        scores = [
            z(rate + z(columns[loyalty])) if loyalty else rate,
            z(capped(1 - columns["share_no_promotion"], 0, cap)),
            z(capped(np.log(columns["total_volume"]), 0.02, 0.98)) * (usage / 2) ** 0.5,
            z(capped(np.log(columns["transactions"]), 0.02, 0.98)) * (usage / 2) ** 0.5,
        ]
        scores = np.column_stack(scores)
        seed = seed_for(2018, Purpose.SOLUTION)
        # Many local optima lie close together, so the same starts are needed.
        specification = few.specifications(codebook)["buying_style.plain.kmeans"]
        half = len(training) < len(eligible)
        method = specification.method if half else specification.solution_method
        found = find_partitions(scores[training], [3], method, seed)[3]
        distances = ((scores[eligible, np.newaxis] - found.centres) ** 2).sum(axis=2)
        return distances.argmin(axis=1)

    return label


def moved_by_trying(first, second):
    """Households that change, with the best of all ways to rename the second's segments."""
    return min(int((first != np.array(names)[second]).sum()) for names in permutations(range(3)))


def row_of(table, name):
    rows = table[table["variation"] == name]
    assert len(rows) == 1
    return rows.iloc[0]


def assert_row(row, first, second):
    assert row["households"] == 543
    assert row["households_moved"] == moved_by_trying(first, second)
    assert row["ari"] == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


def test_every_variation_has_a_row_of_its_kind(table):
    assert list(table) == [
        "variation",
        "kind",
        "households",
        "households_moved",
        "ari",
        "sizes",
        "mismatch",
        "note",
    ]
    assert table["variation"].tolist() == [LOW, HIGH, AGAINST, *DECLARED, THIN, HALVES]
    kinds = ["specification"] * 2 + ["bounds"] + ["specification"] * 5 + ["sample"] * 2
    assert table["kind"].tolist() == kinds
    assert table["households_moved"].between(0, 543).all()
    assert table["ari"].between(0, 1).all()
    assert (
        table.loc[table["variation"].isin([LOW, HIGH]), "note"].tolist()
        == ["in place of: Largest brand share, between its bounds"] * 2
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (LOW, {"loyalty": "brand_loyalty_low"}),
        (HIGH, {"loyalty": "brand_loyalty_high"}),
        (DECLARED[0], {"loyalty": None}),
        (DECLARED[1], {"usage": 0.5}),
        (DECLARED[2], {"usage": 2.0}),
        (DECLARED[3], {"cap": 0.90}),
        (DECLARED[4], {"cap": 1.0}),
        (THIN, {"training": np.arange(600)}),
    ],
)
def test_a_variation_changes_what_it_says(table, plain, name, changes):
    assert_row(row_of(table, name), plain(), plain(**changes))


def test_the_bounds_are_compared_with_each_other(table, plain):
    ends = plain(loyalty="brand_loyalty_low"), plain(loyalty="brand_loyalty_high")
    assert_row(row_of(table, AGAINST), *ends)


def test_the_thin_records_are_counted(table):
    assert row_of(table, THIN)["note"].startswith("57 thin records help to form the segments")


def test_without_thin_records_none_moves(measure, households, eligible):
    kept = households[households["household_id"].isin(eligible["household_id"])]
    row = row_of(measure(households=kept.reset_index(drop=True)), THIN)
    assert (row["households_moved"], row["ari"]) == (0, 1)


@pytest.fixture
def halves(monkeypatch, measure):
    """The rows that each half is made of."""
    used = []
    label = sensitivity._Variations._label

    def remember(varied, specification, rows=None):
        if rows is not None and len(rows) < 543:
            used.append(rows)
        return label(varied, specification, rows)

    monkeypatch.setattr(sensitivity._Variations, "_label", remember)
    measure()
    return [used[i : i + 2] for i in range(0, len(used), 2)]


def test_halves_are_disjoint_and_cover_the_eligible_households(halves, features):
    assert len(halves) == 5
    eligible = np.flatnonzero(~features["thin_record"]).tolist()
    for first, second in halves:
        assert sorted([*first, *second]) == eligible
        assert {len(first), len(second)} == {271, 272}
    assert len({frozenset(first) for first, _ in halves}) == 5


def test_halves_are_summarised_by_their_median(table, halves, plain):
    compared = []
    for pair in halves:
        first, second = (plain(training=half) for half in pair)
        compared.append((moved_by_trying(first, second), adjusted_rand_score(first, second)))
    moved, ari = zip(*compared, strict=True)
    row = row_of(table, HALVES)
    assert (row["households"], row["households_moved"]) == (543, np.median(moved))
    assert row["ari"] == pytest.approx(np.median(ari), abs=1e-12)
    assert "median of 5 splits" in row["note"]
    assert row["note"].endswith(f"reaches {np.quantile(ari, 0.1):.2f}")


def test_another_seed_finds_almost_the_same(table, measure, few):
    changed = measure(few.model_copy(update={"random_state": 7}))
    # Other halves; the rest finds almost the same segments from other starts.
    assert row_of(changed, HALVES)["ari"] != row_of(table, HALVES)["ari"]
    assert (changed["households_moved"] - table["households_moved"]).abs().max() < 20


@pytest.mark.parametrize(
    ("first", "second", "moved"),
    [
        ([0, 0, 1, 1, 2, 2], [2, 2, 0, 0, 1, 1], 0),
        ([0, 0, 1, 1, 2, 2], [1, 1, 1, 0, 2, 2], 1),
        # Two of each pair of segments: none of the matchings keeps more than one per segment.
        ([0, 0, 1, 1], [0, 1, 0, 1], 2),
        # A segment that the second solution has lost.
        ([0, 0, 0, 1, 2], [1, 1, 1, 1, 1], 2),
        ([1, 1, 1, 1], [0, 0, 0, 2], 1),
        ([3, 3, 3], [0, 0, 0], 0),
    ],
)
def test_moved_households_by_hand(first, second, moved):
    counted, ari = count_moved(np.array(first), np.array(second))
    assert counted == moved
    assert ari == pytest.approx(adjusted_rand_score(first, second))
    assert count_moved(np.array(second), np.array(first))[0] == moved


def indicators(specification):
    return [(i.variable, i.lower_quantile, i.upper_quantile) for i in specification.indicators]


ORDINARY = [
    ("repeat_rate", 0, 1),
    ("brand_loyalty_mid", 0, 1),
    ("promo_share", 0, 0.95),
    ("log_volume", 0.02, 0.98),
    ("log_transactions", 0.02, 0.98),
]


def test_a_specification_is_varied_without_being_changed(specification):
    assert indicators(specification) == ORDINARY
    replaced = vary(specification, Variation(name="", replace={"log_volume": "total_volume"}))
    assert indicators(replaced)[3] == ("total_volume", 0.02, 0.98)
    shrunk = vary(specification, Variation(name="", replace={"repeat_rate": "brand_loyalty_high"}))
    assert shrunk.indicators[0].shrink == specification.indicators[0].shrink
    heavy = vary(specification, Variation(name="", construct_weights={"usage": 3}))
    assert [score.weight for score in heavy.scores] == [1, 1, 1.5, 1.5]
    assert indicators(specification) == ORDINARY
    assert [score.weight for score in specification.scores] == [1, 1, 0.5, 0.5]


def test_several_changes_at_once_all_count(specification):
    both = Variation(
        name="",
        replace={"brand_loyalty_mid": "brand_loyalty_low", "promo_share": "share_banded_offer"},
        upper_quantiles={"brand_loyalty_mid": 0.9},
        leave_out=("repeat_rate",),
        construct_weights={"loyalty": 2},
    )
    varied = vary(specification, both)
    assert indicators(varied) == [
        ("brand_loyalty_low", 0, 0.9),
        ("share_banded_offer", 0, 0.95),
        *ORDINARY[3:],
    ]
    assert varied.scores[0].weight == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"replace": {"average_price": "total_value"}},
        {"leave_out": ("average_price",)},
        {"upper_quantiles": {"average_price": 0.9}},
        {"construct_weights": {"price": 2}},
        {"leave_out": ("repeat_rate", "brand_loyalty_mid")},
        {"leave_out": ("repeat_rate",), "construct_weights": {"usage": 2, "price": 2}},
    ],
)
def test_a_variation_that_does_not_apply_is_skipped(specification, changes):
    variation = Variation(name="Not for this one", **changes)
    assert vary(specification, variation) is None


def test_only_indicators_with_bounds_have_rows_of_bounds(measure, candidates, few):
    price = candidates.assign(specification="basis_for_purchase.plain.kmeans")
    sensitivity = few.sensitivity.model_copy(update={"split_halves": 1})
    table = measure(few.model_copy(update={"sensitivity": sensitivity}), price)
    assert table["variation"].tolist() == [THIN, HALVES]  # and no declared variation applies


def test_sizes_and_lost_personas_are_told(table, segments):
    half = row_of(table, "Usage at half its weight")
    assert half["mismatch"] == ""
    told = dict(part.rsplit(" ", 1) for part in half["sizes"].split(", "))
    assert set(told) == {"Loyalists", "Promo Shoppers", "Variety Seekers"}
    assert sum(map(int, told.values())) == 543
    rate = row_of(table, "Repeat rate alone for loyalty")
    assert rate["mismatch"] == "No segment shows the signature of 'Loyalists'"
    own = segments[~segments["thin_record"]]["segment"].value_counts()
    moved = sum(abs(int(told[name]) - own[name]) for name in told) / 2
    assert moved <= half["households_moved"]
    assert row_of(table, HALVES)["sizes"] == row_of(table, AGAINST)["sizes"] == ""
