"""Descriptions of segments, recomputed household by household and sample by sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from customer_segmentation.panel.codebook import Scale
from customer_segmentation.segments.profiles import (
    locate_households,
    match_segments,
    measure_sizes,
    outline_segments,
    profile_chosen_segments,
    project_scores,
)
from customer_segmentation.segments.segmenter import Segmenter

NAMES = ["Loyalists", "Promo Shoppers", "Variety Seekers"]


@pytest.fixture
def describe(segmenter, eligible, segments, bootstrapped, codebook, segmentation):
    """Profiles of the panel, with one argument or another replaced."""

    def _describe(households=eligible, samples=bootstrapped, formed_by=None, **description):
        changed = segmentation.description.model_copy(update=description)
        update = {"description": changed}
        used = segmenter
        if formed_by:
            used = segmenter.model_copy(update={"variables": tuple(formed_by)})
            update["naming"] = segmentation.naming.model_copy(update={"personas": ()})
        parameters = segmentation.model_copy(update=update)
        return profile_chosen_segments(used, households, segments, samples, codebook, parameters)

    return _describe


@pytest.fixture(scope="module")
def profiles(segmenter, _eligible, _segments, _bootstrapped, codebook, segmentation):
    return profile_chosen_segments(
        segmenter, _eligible, _segments, _bootstrapped, codebook, segmentation
    )


@pytest.fixture
def samples(eligible, bootstrapped):
    """Each sample's drawn households, as often as they were drawn, with their segment in it."""
    by_sample = []
    for _, group in bootstrapped.groupby("sample"):
        drawn = group.loc[group.index.repeat(group["draws"]), ["household_id", "segment"]]
        by_sample.append(drawn.merge(eligible, on="household_id", how="left"))
    return by_sample


def epsilon(values, segments):
    """Kelley's epsilon: the root of 1 - (mean square within) / (mean square in total)."""
    stated = values.notna().to_numpy()
    y, groups = values.to_numpy(float)[stated], np.asarray(segments)[stated]
    within = sum(((y[groups == g] - y[groups == g].mean()) ** 2).sum() for g in set(groups))
    total = ((y - y.mean()) ** 2).sum()
    squared = 1 - (within / (len(y) - 3)) / (total / (len(y) - 1))
    return max(squared, 0) ** 0.5


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


def test_households_find_their_segment_in_any_order(eligible, segments, codebook):
    turned = eligible.iloc[::-1].set_index(pd.Index(range(1000, 1543)))
    matched = match_segments(turned, segments.sample(frac=1, random_state=1), codebook)
    assert matched.index.tolist() == list(range(1000, 1543))
    by_id = dict(zip(segments["household_id"], segments["segment"], strict=True))
    assert matched.tolist() == [by_id[each] for each in turned["household_id"]]


def test_profiles_equal_means_taken_one_by_one(eligible, segments, profiles, codebook):
    own_of = eligible.merge(segments[["household_id", "segment"]], on="household_id")
    assert len(profiles) == 3 * profiles["variable"].nunique()
    for row in profiles.to_dict("records"):
        own = own_of.loc[own_of["segment"] == row["segment"], row["variable"]]
        own = own.dropna().to_numpy(float)
        everyone = eligible[row["variable"]].dropna().to_numpy(float)
        assert row["n"] == len(own)
        assert row["mean"] == pytest.approx(own.sum() / len(own))
        assert row["sd"] == pytest.approx(own.std(ddof=1))
        assert row["median"] == pytest.approx(np.median(own))
        assert (row["q25"], row["q75"]) == pytest.approx(tuple(np.quantile(own, [0.25, 0.75])))
        assert row["total_mean"] == pytest.approx(everyone.mean())
        assert row["total_sd"] == pytest.approx(everyone.std(ddof=1))
        if codebook[row["variable"]].scale != Scale.INTERVAL:
            assert row["index_to_total"] == pytest.approx(100 * own.mean() / everyone.mean())
        distance = (own.mean() - everyone.mean()) / everyone.std(ddof=1)
        assert row["standardised_mean"] == pytest.approx(distance, abs=1e-12)


def test_intervals_are_those_of_the_samples(profiles, samples):
    variables = profiles["variable"].unique()
    own = [each[variables].astype(float).groupby(each["segment"]).mean() for each in samples]
    for row in profiles.to_dict("records"):
        means = [each.loc[row["segment"], row["variable"]] for each in own]
        expected = tuple(np.quantile(means, [0.025, 0.975]))
        assert (row["mean_low"], row["mean_high"]) == pytest.approx(expected, abs=1e-9)
    middle = profiles["mean"].between(profiles["mean_low"], profiles["mean_high"])
    assert middle.mean() > 0.8


def test_effects_are_kelleys_epsilon(profiles, eligible, segments, samples):
    own = segments.set_index("household_id").loc[eligible["household_id"], "segment"].tolist()
    for variable, rows in profiles.groupby("variable"):
        found = rows[["effect", "effect_low", "effect_high"]].drop_duplicates()
        assert len(found) == 1
        effect, *interval = found.iloc[0]
        assert effect == pytest.approx(epsilon(eligible[variable], own), abs=1e-9)
        again = [epsilon(each[variable], each["segment"]) for each in samples]
        assert interval == pytest.approx(list(np.quantile(again, [0.025, 0.975])), abs=1e-9)
    effects = profiles.drop_duplicates("variable").set_index("variable")["effect"]
    assert effects["promo_share"] > 0.7 > effects["share_dettol"]


def test_an_effect_by_hand(segmenter, codebook, segmentation):
    """Two samples of four households: squares within 1, in total 5; (1 / 2) / (5 / 3) = 0.3."""
    identifiers = [1, 2, 3, 4]
    variables = [v.name for v in codebook.variables if v.scale in set(Scale) - {"identifier"}]
    households = pd.DataFrame(np.zeros((4, len(variables))), columns=variables)
    households = households.assign(household_id=identifiers, total_volume=[1.0, 2.0, 3.0, 4.0])
    segments = pd.DataFrame({"household_id": identifiers, "segment": list("AABB")})
    bootstrapped = pd.DataFrame(
        {
            "sample": [1] * 4 + [2] * 4,
            "household_id": identifiers * 2,
            "draws": [1, 1, 1, 1, 2, 0, 0, 2],
            "segment": list("AABBABAB"),
        }
    )
    table = profile_chosen_segments(
        segmenter, households, segments, bootstrapped, codebook, segmentation
    )
    volume = table[table["variable"] == "total_volume"].set_index("segment")
    assert volume["mean"].tolist() == [1.5, 3.5]
    assert volume["effect"].tolist() == pytest.approx([0.7**0.5] * 2)
    # The second sample: 1, 1 against 4, 4, an effect of 1.
    low, high = 0.7**0.5, 1.0
    assert volume.loc["A", "effect_low"] == pytest.approx(low + 0.025 * (high - low))
    assert volume.loc["A", "effect_high"] == pytest.approx(low + 0.975 * (high - low))
    assert volume.loc["A", "mean_low"] == pytest.approx(1 + 0.025 * 0.5)
    assert volume.loc["B", "mean_high"] == pytest.approx(3.5 + 0.975 * 0.5)


def test_missing_values_are_left_out_everywhere(describe, eligible, samples):
    gaps = eligible.assign(average_price=eligible["average_price"].mask(eligible.index % 3 == 0))
    table = describe(gaps)
    rows = table[table["variable"] == "average_price"].set_index("segment")
    assert rows["n"].sum() == 543 - 181
    price = gaps.set_index("household_id")["average_price"]
    own = [each.assign(average_price=each["household_id"].map(price)) for each in samples]
    means = [each.loc[each["segment"] == NAMES[1], "average_price"].mean() for each in own]
    expected = tuple(np.quantile(means, [0.025, 0.975]))
    assert tuple(rows.loc[NAMES[1], ["mean_low", "mean_high"]]) == pytest.approx(expected)
    again = [epsilon(each["average_price"], each["segment"]) for each in own]
    interval = rows.loc[NAMES[0], ["effect_low", "effect_high"]].tolist()
    assert interval == pytest.approx(list(np.quantile(again, [0.025, 0.975])))


@pytest.mark.filterwarnings("error")
def test_a_variable_that_nobody_states_has_no_figures(describe, eligible):
    table = describe(eligible.assign(household_size=np.nan))
    rows = table[table["variable"] == "household_size"]
    assert rows["n"].tolist() == [0, 0, 0]
    figures = ["mean", "mean_low", "mean_high", "effect", "effect_low", "effect_high"]
    assert rows[figures].isna().all(axis=None)
    assert not rows["marker"].any()


@pytest.mark.filterwarnings("error")
def test_a_segment_that_never_states_a_variable_has_no_interval(
    describe, eligible, segments, bootstrapped
):
    # Whoever is a Loyalist anywhere, does not state it.
    own = [*segments.to_dict("records"), *bootstrapped.to_dict("records")]
    silent = {row["household_id"] for row in own if row["segment"] == NAMES[0]}
    masked = eligible["average_price"].mask(eligible["household_id"].isin(silent))
    table = describe(eligible.assign(average_price=masked))
    rows = table[table["variable"] == "average_price"].set_index("segment")
    assert rows.loc[NAMES[0], ["mean", "mean_low", "mean_high"]].isna().all()
    assert rows.loc[NAMES[1:], ["mean", "mean_low", "mean_high"]].notna().all(axis=None)
    assert rows["effect"].notna().all()
    assert not rows.loc[NAMES[0], "marker"]


@pytest.mark.parametrize("value", [0.0, 0.1, 0.07, 0.3, 1 / 3])
def test_a_constant_is_no_finding(describe, eligible, value):
    # 0.1 and its like have no exact binary form: their mean may differ from them by a rounding.
    table = describe(eligible.assign(share_dettol=value))
    rows = table[table["variable"] == "share_dettol"]
    assert rows["mean"].tolist() == pytest.approx([value] * 3)
    assert rows[["sd", "total_sd", "effect", "effect_low", "effect_high"]].eq(0).all(axis=None)
    assert rows["standardised_mean"].isna().all()
    assert not rows["marker"].any()


def test_the_index_is_missing_where_the_total_is_zero(describe, eligible):
    table = describe(eligible.assign(share_dettol=0.0))
    dettol = table[table["variable"] == "share_dettol"]
    assert dettol["index_to_total"].isna().all()
    assert dettol["mean"].tolist() == [0, 0, 0]


def test_profiles_hold_measurements_only(profiles):
    variables = set(profiles["variable"])
    assert {"total_value", "share_lux", "promo_share", "affluence_index"} <= variables
    assert variables.isdisjoint({"mother_tongue", "homemaker_age", "household_id", "thin_record"})


def test_logarithms_have_a_mean_but_no_index(profiles):
    table = profiles.set_index("variable")
    assert table.loc["log_volume", "index_to_total"].isna().all()
    assert table.loc["log_volume", "mean"].notna().all()
    assert table.loc["total_volume", "index_to_total"].notna().all()


def test_what_hangs_together_with_the_forming_variables_marks_nothing(profiles, describe, codebook):
    built = set(profiles.loc[profiles["built_segments"], "variable"])
    assert built == {
        # formed the segments
        "repeat_rate",
        "repeat_opportunities",
        "brand_loyalty_mid",
        "promo_share",
        "log_volume",
        "log_transactions",
        # the chances to repeat are the purchases less one; with the rate they tell the runs
        "transactions",
        "brand_runs",
        "transactions_per_run",
        # what the logarithm hides
        "total_volume",
        "volume_per_transaction",
        # the whole compositions that loyalty and promotion are computed from
        "brand_loyalty_low",
        "brand_loyalty_high",
        *codebook.columns_of("brand_shares"),
        *codebook.columns_of("promotion_shares"),
        # counts the brand shares in use
        "brands_bought",
        "runs_per_brand",
    }
    assert not profiles.loc[profiles["variable"].isin(built), "marker"].any()
    # Without the guard most of them would stand out.
    free = describe(formed_by=["average_price"])
    assert free.loc[free["built_segments"], "variable"].unique().tolist() == ["average_price"]
    marked = set(free.loc[free["marker"], "variable"])
    assert {"share_no_promotion", "promo_share", "repeat_rate", "brand_runs"} <= marked


def test_a_composition_is_known_from_all_shares_but_one(describe):
    shares = ["share_price_premium", "share_price_popular", "share_price_economy"]
    table = describe(formed_by=shares)
    built = set(table.loc[table["built_segments"], "variable"])
    assert built == {*shares, "share_price_sub_popular"}


@pytest.mark.parametrize("distance", [0.01, 0.1, 0.25])
def test_the_whole_interval_of_a_marker_lies_beyond_the_distance(describe, distance):
    table = describe(marker_distance=distance)
    for row in table.to_dict("records"):
        least = distance * row["total_sd"]
        above = min(row["mean_low"], row["mean_high"]) - row["total_mean"] >= least - 1e-12
        below = row["total_mean"] - max(row["mean_low"], row["mean_high"]) >= least - 1e-12
        assert row["marker"] == ((above or below) and not row["built_segments"])
    assert table["marker"].any()


def test_something_is_left_to_mark_the_segments(profiles):
    marked = profiles[profiles["marker"]].groupby("variable")["segment"].agg(list)
    assert "Loyalists" in marked["share_price_economy"]
    assert (profiles.groupby("variable")["marker"].sum() == 3).sum() == 0


def test_the_order_of_households_changes_nothing(
    profiles, segmenter, segments, bootstrapped, eligible, codebook, segmentation
):
    turned = segments.sample(frac=1, random_state=4)
    table = profile_chosen_segments(
        segmenter, eligible, turned, bootstrapped, codebook, segmentation
    )
    pd.testing.assert_frame_equal(table, profiles)


def test_inputs_stay_as_they_are(describe, eligible, bootstrapped, segments):
    before = [each.copy() for each in (eligible, bootstrapped, segments)]
    describe()
    for old, new in zip(before, (eligible, bootstrapped, segments), strict=True):
        pd.testing.assert_frame_equal(old, new)


# The map


def draw_cloud(seed: int, households: int = 60, scores: int = 4) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(scores, scores))
    return generator.normal(size=(households, scores)) @ mixing + generator.normal(size=scores)


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


def test_similarities_are_shares_of_exponential_distances(segmenter, eligible, segments, codebook):
    _, table, _ = locate_households(segmenter, eligible, segments, codebook)
    scores = segmenter.compute_scores(eligible, codebook).to_numpy()
    found = table.set_index(["household_id", "to_segment"])["similarity"]
    for row in (0, 41, 542):
        distances = [np.sqrt(((scores[row] - each) ** 2).sum()) for each in segmenter.centres]
        weights = np.exp(-np.array(distances))
        own = found[eligible["household_id"].iloc[row]]
        expected = dict(zip(segmenter.names, weights / weights.sum(), strict=True))
        assert own.to_dict() == pytest.approx(expected)


def test_households_far_from_every_centre_still_have_similarities(
    segmenter, eligible, segments, codebook
):
    # exp(-5000) is 0 in floating point, for all centres.
    far = tuple((*centre[:3], centre[3] + 5000) for centre in segmenter.centres)
    moved = Segmenter.model_validate(segmenter.model_dump() | {"centres": far})
    _, table, _ = locate_households(moved, eligible, segments, codebook)
    assert table.groupby("household_id")["similarity"].sum().to_numpy() == pytest.approx(1)
