"""Descriptions of segments, recomputed household by household."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, f_oneway, norm

from customer_segmentation.panel.codebook import Scale
from customer_segmentation.segments.profiles import (
    cohens_f,
    cohens_w,
    cramers_v,
    epsilon,
    judge_magnitude,
    measure_descriptors,
    measure_sizes,
    profile_segments,
    tabulate_demographics,
)


@pytest.fixture
def members(eligible, segments) -> dict[str, pd.DataFrame]:
    """The eligible households of each segment."""
    joined = eligible.merge(segments[["household_id", "segment"]], on="household_id")
    return {str(name): group for name, group in joined.groupby("segment")}


def test_sizes_count_eligible_and_thin_households_apart(segments, codebook):
    sizes = measure_sizes(segments, codebook).set_index("segment")
    thin = segments["thin_record"]
    for segment, row in sizes.iterrows():
        own = segments["segment"] == segment
        assert row["households"] == (own & ~thin).sum()
        assert row["thin_households"] == (own & thin).sum()
        assert row["share"] == pytest.approx((own & ~thin).sum() / 543)
    assert sizes[["households", "thin_households"]].sum().tolist() == [543, 57]


def test_without_thin_records_their_count_is_zero(segments, codebook):
    sizes = measure_sizes(segments[~segments["thin_record"]], codebook)
    assert sizes["thin_households"].tolist() == [0, 0, 0]


def test_profiles_equal_means_taken_one_by_one(eligible, members, segments, codebook):
    profiles = profile_segments(eligible, segments, codebook)
    assert len(profiles) == len(members) * profiles["variable"].nunique()
    for row in profiles.sample(40, random_state=1).to_dict("records"):
        own = members[row["segment"]][row["variable"]].dropna().to_numpy(float)
        everyone = eligible[row["variable"]].dropna().to_numpy(float)
        assert row["n"] == len(own)
        assert row["mean"] == pytest.approx(own.sum() / len(own))
        assert row["sd"] == pytest.approx(own.std(ddof=1))
        half = norm.ppf(0.975) * own.std(ddof=1) / len(own) ** 0.5
        interval = (own.mean() - half, own.mean() + half)
        assert (row["mean_low"], row["mean_high"]) == pytest.approx(interval)
        assert row["median"] == pytest.approx(np.median(own))
        assert (row["q25"], row["q75"]) == pytest.approx(tuple(np.quantile(own, [0.25, 0.75])))
        assert row["total_mean"] == pytest.approx(everyone.mean())
        if codebook[row["variable"]].scale != Scale.INTERVAL:
            assert row["index_to_total"] == pytest.approx(100 * own.mean() / everyone.mean())
        distance = (own.mean() - everyone.mean()) / everyone.std(ddof=1)
        assert row["standardised_mean"] == pytest.approx(distance, abs=1e-12)


def test_profiles_hold_measurements_only(eligible, segments, codebook):
    variables = set(profile_segments(eligible, segments, codebook)["variable"])
    assert {"total_value", "share_lux", "promo_share", "affluence_index"} <= variables
    assert variables.isdisjoint({"mother_tongue", "homemaker_age", "household_id", "thin_record"})


def test_logarithms_have_a_mean_but_no_index(eligible, segments, codebook):
    profiles = profile_segments(eligible, segments, codebook).set_index("variable")
    assert profiles.loc["log_volume", "index_to_total"].isna().all()
    assert profiles.loc["log_volume", "mean"].notna().all()
    assert profiles.loc["total_volume", "index_to_total"].notna().all()


def test_the_index_is_missing_where_the_total_is_zero(eligible, segments, codebook):
    nobody = eligible.assign(share_dettol=0.0)
    profiles = profile_segments(nobody, segments, codebook)
    dettol = profiles[profiles["variable"] == "share_dettol"]
    assert dettol["index_to_total"].isna().all()
    assert dettol["mean"].tolist() == [0, 0, 0]


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


def test_descriptors_leave_out_missing_records_and_what_is_not_stated(
    eligible, members, segments, codebook
):
    table = measure_descriptors(eligible, segments, codebook).set_index("descriptor")
    assert list(table.index) == codebook.columns_of("demographics")
    present = eligible[~eligible["demographic_record_missing"]]
    assert table.loc["homemaker_age", "n"] == len(present) < len(eligible)
    assert table.loc["television", "n"] == present["television"].notna().sum() < len(present)
    assert set(table.index[table["measure"].str.contains("epsilon")]) == {
        "household_size",
        "affluence_index",
    }
    groups = [group["affluence_index"].dropna().astype(float) for group in members.values()]
    f, n = f_oneway(*groups).statistic, sum(map(len, groups))
    expected = (2 * (f - 1) / (2 * f + n - 3)) ** 0.5
    assert table.loc["affluence_index", "effect"] == pytest.approx(expected)
    f_of_cohen = (2 * (f - 1) / n) ** 0.5  # from the F ratio, without the detour by the effect
    assert table.loc["affluence_index", "cohen_effect"] == pytest.approx(f_of_cohen, rel=0.01)
    w_of_cohen = table.loc["homemaker_education", "effect"] * 2**0.5  # three segments
    assert table.loc["homemaker_education", "cohen_effect"] == pytest.approx(w_of_cohen)
    assert (table["convention"] == "f").tolist() == table["measure"].str.contains("eps").tolist()


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
    assert judge_magnitude(effect, convention) == word


def test_effects_are_converted_to_cohens_scales():
    # Two halves and full agreement with three classes: phi squared is the number of classes less 1.
    assert cohens_w(1.0, 3) == pytest.approx(2**0.5)
    assert cohens_w(0.2, 2) == pytest.approx(0.2)
    assert cohens_w(0.0, 1) == 0
    assert cohens_f(0.6) == pytest.approx(0.75)
    assert cohens_f(1.0) == float("inf")


def test_cramers_v_by_hand_and_by_scipy():
    codes = pd.Series([1] * 40 + [2] * 30 + [3] * 30)
    segments = pd.Series((["a"] * 25 + ["b"] * 15) + (["a"] * 5 + ["b"] * 25) + ["a", "b"] * 15)
    chi2 = chi2_contingency(pd.crosstab(codes, segments), correction=False).statistic
    corrected = chi2 / 100 - 2 * 1 / 99
    side = 2 - 1 / 99
    assert cramers_v(codes, segments) == pytest.approx((corrected / (side - 1)) ** 0.5)


def test_cramers_v_of_no_full_and_impossible_links():
    halves = pd.Series([1, 1, 2, 2] * 50)
    assert cramers_v(halves, pd.Series(["a", "b"] * 100)) == 0
    assert cramers_v(halves, halves) == pytest.approx(1)
    assert cramers_v(pd.Series([1] * 200), halves) == 0


def test_epsilon_follows_from_the_f_ratio():
    generator = np.random.default_rng(1)
    groups = [generator.normal(shift, 1, size) for shift, size in ((0, 20), (0.5, 30), (1, 25))]
    values = pd.Series(np.concatenate(groups))
    segments = pd.Series(np.repeat(["a", "b", "c"], [20, 30, 25]))
    f, between, within = f_oneway(*groups).statistic, 2, 72
    squared = between * (f - 1) / (between * f + within)
    assert epsilon(values, segments) == pytest.approx(squared**0.5)


def test_epsilon_of_no_and_constant_values():
    segments = pd.Series(["a", "b"] * 10)
    assert epsilon(pd.Series(np.repeat(range(10), 2)), segments) == 0
    assert epsilon(pd.Series([4] * 20), segments) == 0


def test_a_shuffled_descriptor_shows_no_link(eligible, segments, codebook):
    by_household = segments.set_index("household_id")["segment"]
    names = eligible["household_id"].map(by_household)
    generator = np.random.default_rng(3)
    effects = [
        cramers_v(eligible["socio_economic_class"], pd.Series(generator.permutation(names)))
        for _ in range(50)
    ]
    assert np.median(effects) < 0.03
