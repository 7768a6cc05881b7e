"""Links between segments and demographics, recomputed by other routes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, f_oneway, ncf, ncx2, permutation_test

from customer_segmentation.segments import descriptors as module
from customer_segmentation.segments.descriptors import (
    ALL_ELIGIBLE,
    RECORD_PRESENT,
    adjust_by_holm,
    adjust_residuals,
    assess_magnitude,
    cohens_f,
    cohens_w,
    cramers_v,
    epsilon,
    measure_descriptors,
    permute_labels,
    tabulate_demographics,
)
from customer_segmentation.segments.parameters import Description, SegmentationParameters

MISSING = "demographic_record_missing"


def parameters_with(permutations, random_state=7):
    description = Description.model_construct(permutations=permutations)
    return SegmentationParameters.model_construct(
        random_state=random_state, description=description
    )


@pytest.fixture
def eligible(households, features) -> pd.DataFrame:
    """The households with more than ten purchases."""
    joined = households.merge(features, on="household_id")
    return joined[~joined["thin_record"]].reset_index(drop=True)


@pytest.fixture
def segments(households) -> pd.DataFrame:
    """Three made-up segments of all households, by what they paid."""
    rank = households["total_value"].rank(method="first")
    names = np.select([rank <= 120, rank <= 420], ["Low", "Middle"], "High")
    return pd.DataFrame({"household_id": households["household_id"], "segment": names})


@pytest.fixture
def members(eligible, segments) -> dict[str, pd.DataFrame]:
    """The eligible households of each segment."""
    joined = eligible.merge(segments, on="household_id")
    return {str(name): group for name, group in joined.groupby("segment")}


@pytest.fixture
def table(eligible, segments, codebook) -> pd.DataFrame:
    """The descriptors, with few permutations."""
    return measure_descriptors(eligible, segments, codebook, parameters_with(199))


def test_demographic_shares_are_of_those_who_state_the_field(eligible, members, segments, codebook):
    table = tabulate_demographics(eligible, segments, codebook)
    for row in table.sample(40, random_state=2).to_dict("records"):
        own, everyone = members[row["segment"]][row["variable"]], eligible[row["variable"]]
        households = (own == row["code"]).sum()
        assert row["households"] == households
        assert row["share"] == pytest.approx(households / own.notna().sum())
        total_share = (everyone == row["code"]).sum() / everyone.notna().sum()
        assert row["total_share"] == pytest.approx(total_share)
        assert row["index_to_total"] == pytest.approx(100 * row["share"] / row["total_share"])
        assert row["label"] == codebook.field(row["variable"]).codes[row["code"]]
    sums = table.groupby(["segment", "variable"])[["share", "total_share"]].sum()
    np.testing.assert_allclose(sums, 1)


def test_a_residual_is_the_signed_root_of_the_chi_square_of_its_own_fourfold_table(
    eligible, members, segments, codebook
):
    table = tabulate_demographics(eligible, segments, codebook)
    for row in table.sample(40, random_state=3).to_dict("records"):
        own, everyone = members[row["segment"]][row["variable"]], eligible[row["variable"]]
        inside, outside = own.notna().sum(), everyone.notna().sum() - own.notna().sum()
        held, held_by_all = (own == row["code"]).sum(), (everyone == row["code"]).sum()
        fourfold = [
            [held, inside - held],
            [held_by_all - held, outside - (held_by_all - held)],
        ]
        root = chi2_contingency(fourfold, correction=False).statistic ** 0.5
        sign = np.sign(held / inside - held_by_all / (inside + outside))
        assert row["residual"] == pytest.approx(sign * root)


def test_residuals_by_hand_and_where_there_are_none():
    counts = pd.DataFrame([[30, 10], [20, 40]], index=["a", "b"], columns=[1, 2])
    residual = (30 - 20) / (20 * 0.6 * 0.5) ** 0.5
    expected = [[residual, -residual], [-residual, residual]]
    np.testing.assert_allclose(adjust_residuals(counts), expected)
    assert adjust_residuals(counts[[1]]).isna().all(axis=None)


def test_demographics_leave_out_purchases_measurements_and_not_stated(eligible, segments, codebook):
    table = tabulate_demographics(eligible, segments, codebook)
    assert set(table["variable"]) == {
        "socio_economic_class",
        "food_habits",
        "mother_tongue",
        "homemaker_sex",
        "homemaker_age",
        "homemaker_education",
        "children",
        "television",
    }
    assert "not stated" not in set(table["label"])


def test_the_family_has_the_descriptors_and_the_missing_record_and_nothing_else(table, codebook):
    demographics = codebook.columns_of("demographics")
    tested = table[table["p_value"].notna()]
    assert tested["descriptor"].tolist() == [*demographics, MISSING]
    assert tested["subset"].tolist() == [RECORD_PRESENT] * 10 + [ALL_ELIGIBLE]
    untested = table[table["p_value"].isna()]
    assert untested["descriptor"].tolist() == demographics
    assert set(untested["subset"]) == {ALL_ELIGIBLE}
    assert untested["p_holm"].isna().all()


def test_each_subset_counts_the_households_that_it_names(table, eligible):
    n = table.set_index(["descriptor", "subset"])["n"]
    blank = eligible[MISSING]
    assert 0 < blank.sum() < len(eligible)
    stated = eligible.notna()
    for name in ("homemaker_age", "television", "household_size"):
        assert n[name, RECORD_PRESENT] == (stated[name] & ~blank).sum()
    assert n["television", ALL_ELIGIBLE] == (stated["television"] | blank).sum()
    assert n["household_size", ALL_ELIGIBLE] == stated["household_size"].sum()
    assert n["homemaker_age", ALL_ELIGIBLE] == n[MISSING, ALL_ELIGIBLE] == len(eligible)


def test_the_missing_record_counts_as_one_more_code(table, eligible, members):
    codes = eligible["television"].astype(float).mask(eligible[MISSING], 99)
    joined = pd.concat(members.values())
    segment = eligible["household_id"].map(joined.set_index("household_id")["segment"])
    counts = pd.crosstab(codes, segment).to_numpy()
    n, chi2 = counts.sum(), chi2_contingency(counts, correction=False).statistic
    corrected = max(0, chi2 / n - 4 / (n - 1)) / (2 - 4 / (n - 1))
    row = table[(table["descriptor"] == "television") & table["p_value"].isna()].iloc[0]
    assert counts.shape == (3, 3)
    assert row["effect"] == pytest.approx(corrected**0.5)


def test_effects_follow_from_tests_done_elsewhere(table, members):
    tested = table[table["p_value"].notna()].set_index("descriptor")
    groups = [group["affluence_index"].dropna().astype(float) for group in members.values()]
    f, n = f_oneway(*groups).statistic, sum(map(len, groups))
    row = tested.loc["affluence_index"]
    assert row["effect"] == pytest.approx((2 * (f - 1) / (2 * f + n - 3)) ** 0.5)
    # From the F ratio, without the detour by the effect.
    assert row["cohen_effect"] == pytest.approx((2 * (f - 1) / n) ** 0.5, rel=0.01)
    assert row["n"] == n
    of_cohen = tested.loc["homemaker_education", ["cohen_effect", "cohen_low", "cohen_high"]]
    on_v = tested.loc["homemaker_education", ["effect", "effect_low", "effect_high"]]
    np.testing.assert_allclose(of_cohen.astype(float), on_v.astype(float) * 2**0.5)
    assert (tested["convention"] == "f").tolist() == tested["measure"].str.contains("eps").tolist()
    assert set(tested.index[tested["convention"] == "f"]) == {"household_size", "affluence_index"}


def test_every_interval_holds_its_effect(table):
    for scale, effect in {"effect": "effect", "cohen": "cohen_effect"}.items():
        assert (table[f"{scale}_low"] <= table[effect]).all()
        assert (table[f"{scale}_high"] >= table[effect]).all()
    assert table["effect_low"].min() == 0
    assert table["effect_high"].between(0, 1).all()


def test_p_values_agree_with_the_chi_square_distribution_and_holm_is_done_by_hand(
    eligible, segments, codebook
):
    table = measure_descriptors(eligible, segments, codebook, parameters_with(999))
    tested = table[table["p_value"].notna()].set_index("descriptor")
    present = eligible[~eligible[MISSING]].merge(segments, on="household_id")
    for name in ("socio_economic_class", "food_habits", "children", "television"):
        stated = present.dropna(subset=name)
        p = chi2_contingency(pd.crosstab(stated[name], stated["segment"]), correction=False).pvalue
        assert tested.loc[name, "p_value"] == pytest.approx(p, abs=4 * (p / 999) ** 0.5 + 0.002)
    worst = 0.0
    for rank, (name, p) in enumerate(tested["p_value"].sort_values().items()):
        worst = max(worst, min(1, p * (11 - rank)))
        assert tested.loc[name, "p_holm"] == pytest.approx(worst)


def test_holm_keeps_order_and_ties():
    adjusted = adjust_by_holm(np.array([0.04, 0.01, 0.04, 0.9]))
    np.testing.assert_allclose(adjusted, [0.12, 0.04, 0.12, 0.9])
    assert adjust_by_holm(np.array([0.6, 0.7])).tolist() == [1, 1]


@pytest.mark.parametrize("coded", [True, False])
def test_permutation_p_values_agree_with_all_permutations_of_a_small_case(coded):
    values = pd.Series([1, 1, 1, 2, 2, 3, 2, 3], dtype=float)
    segments = pd.Series(list("aaaabbbb"))

    def chi_square(first, second):
        counts = [[(side == code).sum() for code in (1, 2, 3)] for side in (first, second)]
        return chi2_contingency(counts, correction=False).statistic

    def between(first, second):
        return (first.mean() - second.mean()) ** 2

    exact = permutation_test(
        (values[segments == "a"], values[segments == "b"]),
        chi_square if coded else between,
        n_resamples=np.inf,  # all 70
        alternative="greater",
        vectorized=False,
    ).pvalue
    ours = permute_labels(
        module._centre(values, coded=coded), segments, 4000, np.random.default_rng(2)
    )
    assert ours == pytest.approx(exact, abs=0.03)
    assert 0 < exact < 0.9


def test_a_p_value_is_never_zero_and_the_ties_of_a_constant_all_count():
    segments = pd.Series(["a", "b"] * 50)
    clear = module._centre(pd.Series([1, 2] * 50), coded=True)
    assert permute_labels(clear, segments, 199, np.random.default_rng(1)) == 1 / 200
    for coded in (True, False):
        constant = module._centre(pd.Series([5] * 100), coded=coded)
        assert permute_labels(constant, segments, 199, np.random.default_rng(1)) == 1


def test_p_values_of_shuffled_segments_are_spread_evenly(eligible, segments):
    generator = np.random.default_rng(4)
    p_values = []
    for name, coded in (("food_habits", True), ("children", True), ("household_size", False)):
        stated = eligible[name].dropna()
        columns = module._centre(stated, coded=coded)
        for _ in range(44):
            shuffled = pd.Series(generator.permutation(segments["segment"])[: len(stated)])
            p_values.append(permute_labels(columns, shuffled, 99, generator))
    assert len(p_values) == 132
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)
    assert np.mean(np.array(p_values) <= 0.1) < 0.2


def test_the_seed_decides_the_permutations(eligible, segments, codebook, table):
    again = measure_descriptors(eligible, segments, codebook, parameters_with(199))
    pd.testing.assert_frame_equal(again, table)
    other = measure_descriptors(eligible, segments, codebook, parameters_with(199, 8))
    assert not other["p_value"].equals(table["p_value"])
    assert other["effect"].equals(table["effect"])


def test_panels_without_missing_records_and_without_answers_are_described_too(
    eligible, segments, codebook
):
    complete = eligible.assign(**{MISSING: False}, television=pd.NA, affluence_index=pd.NA)
    table = measure_descriptors(complete, segments, codebook, parameters_with(99))
    assert len(table) == 21
    for name in (MISSING, "television", "affluence_index"):
        row = table[(table["descriptor"] == name) & table["p_value"].notna()].iloc[0]
        assert (row["effect"], row["effect_high"], row["p_holm"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("effect", "convention", "word"),
    [
        (0.0949, "w", "negligible"),
        (0.0951, "w", "small"),
        (0.27, "w", "small"),
        (0.27, "f", "medium"),
        (0.30, "w", "medium"),
        (0.40, "w", "medium"),
        (0.40, "f", "large"),
        (0.50, "w", "large"),
        (float("inf"), "f", "large"),
    ],
)
def test_a_magnitude_goes_by_the_convention_of_its_measure(effect, convention, word):
    assert assess_magnitude(effect, convention) == word


def test_effects_are_converted_to_cohens_scales():
    # Two halves and full agreement with three classes: phi squared is the number of classes less 1.
    assert cohens_w(1.0, 3) == pytest.approx(2**0.5)
    assert cohens_w(0.2, 2) == pytest.approx(0.2)
    assert cohens_w(0.0, 1) == 0
    assert cohens_f(0.6) == pytest.approx(0.75)
    assert cohens_f(1.0) == float("inf")


@pytest.fixture
def fourfold() -> tuple[pd.Series, pd.Series]:
    """Three codes and two segments of 100 households."""
    codes = pd.Series([1] * 40 + [2] * 30 + [3] * 30)
    segments = pd.Series((["a"] * 25 + ["b"] * 15) + (["a"] * 5 + ["b"] * 25) + ["a", "b"] * 15)
    return codes, segments


def test_cramers_v_by_hand_and_by_scipy(fourfold):
    chi2 = chi2_contingency(pd.crosstab(*fourfold), correction=False).statistic
    corrected = chi2 / 100 - 2 * 1 / 99
    side = 2 - 1 / 99
    assert cramers_v(*fourfold).effect == pytest.approx((corrected / (side - 1)) ** 0.5)


def test_the_bounds_of_cramers_v_put_what_was_seen_at_the_edges(fourfold):
    chi2 = chi2_contingency(pd.crosstab(*fourfold), correction=False).statistic
    link = cramers_v(*fourfold)
    widest = (2 - 1 / 99) - 1
    noncentralities = [100 * widest * bound**2 for bound in (link.low, link.high)]
    np.testing.assert_allclose(ncx2.cdf(chi2, 2, noncentralities), [0.975, 0.025])


def test_cramers_v_of_no_full_and_impossible_links():
    halves = pd.Series([1, 1, 2, 2] * 50)
    none = cramers_v(halves, pd.Series(["a", "b"] * 100))
    assert (none.effect, none.low) == (0, 0)
    full = cramers_v(halves, halves)
    assert (full.effect, full.high) == pytest.approx((1, 1))
    assert 0.8 < full.low < 1
    assert cramers_v(pd.Series([1] * 200), halves) == (0, 0, 0)


def test_epsilon_and_its_bounds_follow_from_the_f_ratio():
    generator = np.random.default_rng(1)
    groups = [generator.normal(shift, 1, size) for shift, size in ((0, 20), (0.5, 30), (1, 25))]
    values = pd.Series(np.concatenate(groups))
    segments = pd.Series(np.repeat(["a", "b", "c"], [20, 30, 25]))
    f, between, within = f_oneway(*groups).statistic, 2, 72
    squared = between * (f - 1) / (between * f + within)
    link = epsilon(values, segments)
    assert link.effect == pytest.approx(squared**0.5)
    noncentralities = [75 * bound**2 / (1 - bound**2) for bound in (link.low, link.high)]
    np.testing.assert_allclose(ncf.cdf(f, between, within, noncentralities), [0.975, 0.025])


def test_epsilon_of_no_full_and_constant_values():
    segments = pd.Series(["a", "b"] * 10)
    none = epsilon(pd.Series(np.repeat(range(10), 2)), segments)
    assert (none.effect, none.low) == (0, 0)
    assert epsilon(pd.Series([4] * 20), segments) == (0, 0, 0)
    assert epsilon(pd.Series([1, 2] * 10), segments) == (1, 1, 1)
    assert epsilon(pd.Series([1, 2]), pd.Series(["a", "b"])) == (0, 0, 0)


def test_intervals_cover_the_true_effect_about_as_often_as_they_say():
    # Three equal groups whose means are -d, 0, d: the squared ratio is v / (1 + v), v = 2 d^2 / 3.
    generator = np.random.default_rng(5)
    distance, segments = 0.3, pd.Series(np.repeat(["a", "b", "c"], 60))
    variance = 2 * distance**2 / 3
    truth = (variance / (1 + variance)) ** 0.5
    shifts = np.repeat([-distance, 0, distance], 60)
    links = [epsilon(pd.Series(generator.normal(shifts)), segments) for _ in range(100)]
    covered = np.mean([link.low <= truth <= link.high for link in links])
    assert covered == pytest.approx(0.95, abs=0.05)
    # The same for two codes and two segments, whose V is 0.2.
    held = generator.multinomial(200, [0.3, 0.2, 0.2, 0.3], size=100)
    sides = pd.Series([1, 1, 2, 2]), pd.Series(["a", "b", "a", "b"])
    tables = [[side.repeat(n).reset_index(drop=True) for side in sides] for n in held]
    covered = np.mean([link.low <= 0.2 <= link.high for link in (cramers_v(*t) for t in tables)])
    assert covered == pytest.approx(0.95, abs=0.05)


def test_a_shuffled_descriptor_shows_no_link(eligible, segments):
    names = eligible["household_id"].map(segments.set_index("household_id")["segment"])
    generator = np.random.default_rng(3)
    codes = eligible["socio_economic_class"]
    effects = [cramers_v(codes, pd.Series(generator.permutation(names))).effect for _ in range(50)]
    assert np.median(effects) < 0.03
