"""How sure segments and households are: small cases by hand, the panel by plain loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from customer_segmentation.panel.features import derive_features
from customer_segmentation.segments.evidence import bootstrap_candidates, label_candidates
from customer_segmentation.segments.reliability import (
    bootstrap_chosen_segments,
    measure_agreement,
    measure_recovery,
    measure_stability,
    measure_stability_across,
    renumber_segments,
    trace_segments,
)
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.segmenter import Segmenter

NAMES = ["Loyalists", "Promo Shoppers", "Variety Seekers"]


@pytest.fixture
def is_eligible(features):
    return ~features["thin_record"].to_numpy()


@pytest.fixture
def jaccards(bootstrapped, segments, codebook):
    return measure_recovery(bootstrapped, segments, codebook)


@pytest.fixture
def stability(jaccards, bootstrapped, households, segments, codebook, segmentation):
    return measure_stability(
        jaccards, bootstrapped, households, segments, codebook, segmentation
    ).set_index("segment")


def wide(bootstrapped, column):
    """One row per sample, one column per household, in the order of the table."""
    return np.stack([group[column].to_numpy() for _, group in bootstrapped.groupby("sample")])


def refit(specification, households, draws, codebook):
    """Labels of all households by the reference's steps, refitted on the drawn ones."""
    values = derive_features(households, codebook, specification.variables)
    rows = np.repeat(np.arange(len(values)), draws)
    placed = learn_scores(values.iloc[rows], specification.scores).compute(values)
    return KMeans(3, n_init=200, tol=0, random_state=0).fit(placed[rows]).predict(placed)


@pytest.fixture
def again(segmenter, candidates, households, eligible, codebook, few_pairs):
    """Find the segments of a segmenter again, on some pairs."""

    def _again(segmenter=segmenter, pairs=6, **changes):
        evidence = few_pairs.evidence.model_copy(update={"pairs": pairs})
        changed = few_pairs.model_copy(update={"evidence": evidence, **changes})
        return bootstrap_chosen_segments(
            segmenter, candidates, households, eligible, codebook, changed
        )

    return _again


def test_each_sample_holds_every_household_in_order(bootstrapped, households, few_pairs):
    samples = 2 * few_pairs.evidence.pairs
    assert bootstrapped["sample"].tolist() == np.repeat(range(1, samples + 1), 600).tolist()
    identifiers = households["household_id"].tolist()
    assert bootstrapped["household_id"].tolist() == identifiers * samples
    assert set(bootstrapped["segment"]) == set(NAMES)


def test_samples_are_drawn_from_the_eligible_households(bootstrapped, features):
    draws = wide(bootstrapped, "draws")
    thin = features["thin_record"].to_numpy()
    assert (draws[:, thin] == 0).all()
    assert (draws.sum(axis=1) == 543).all()
    assert len({row.tobytes() for row in draws}) == len(draws)
    # Thin records are still given to a segment.
    assert set(wide(bootstrapped, "segment")[:, thin].ravel()) == set(NAMES)


def test_segments_are_those_of_a_refit_by_scikit_learn(
    again, specification, households, segments, is_eligible, codebook, few_pairs
):
    # Many starts, because many local optima lie close together.
    found = again(pairs=2, grid=few_pairs.grid.model_copy(update={"starts": 200}))
    draws, names = wide(found, "draws"), wide(found, "segment")
    own = segments["segment"].to_numpy()
    for sample in range(4):
        labels = refit(specification, households, draws[sample], codebook)
        name_of = pd.Series(names[sample]).groupby(labels).agg(["first", "nunique"])
        assert (name_of["nunique"] == 1).all()
        # Each segment is called like the one that it shares most households with.
        for number in range(3):
            shared = pd.Series(own[is_eligible & (labels == number)]).value_counts()
            assert name_of.loc[number, "first"] == shared.index[0]


def test_the_numbers_of_the_reference_do_not_matter(bootstrapped, segmenter, again):
    parts = ("centres", "variances", "shares", "names")
    turned = {name: tuple(np.roll(getattr(segmenter, name), 1, axis=0)) for name in parts}
    other = Segmenter.model_validate(segmenter.model_dump() | turned)
    found = again(other, pairs=2, processes=1)
    # Neither do workers, nor how many pairs follow.
    pd.testing.assert_frame_equal(found, bootstrapped.head(len(found)), check_exact=True)
    assert len(found) == 4 * 600


def test_a_segment_without_households_still_counts(segmenter, predict, households, again):
    far = (*segmenter.centres[:2], tuple(99 + each for each in segmenter.centres[0]))
    other = Segmenter.model_validate(segmenter.model_dump() | {"centres": far, "names": NAMES})
    assert set(predict(other, households)) == set(NAMES[:2])
    for _, group in again(other, pairs=1).groupby("sample"):
        assert set(group["segment"]) == set(NAMES)


def test_agreement_by_hand():
    segments = pd.DataFrame({"segment": ["A", "B", "A"]}, index=[7, 8, 9])
    again = [["A", "A", "B"], ["A", "B", "B"], ["B", "B", "B"], ["A", "B", "A"]]
    bootstrapped = pd.DataFrame({"segment": np.ravel(again)})
    agreement = measure_agreement(bootstrapped, segments)
    assert agreement.to_dict() == {7: 0.75, 8: 0.75, 9: 0.25}


def test_agreement_of_the_panel(segments, bootstrapped):
    again = wide(bootstrapped, "segment")
    for i in (0, 17, 599):
        same = sum(sample[i] == segments["segment"].iloc[i] for sample in again)
        assert segments["agreement"].iloc[i] == pytest.approx(same / len(again))
    assert segments["agreement"].median() == 1
    assert segments["agreement"].nunique() > 3


def test_the_second_segment_is_the_second_nearest_centre(segments, segmenter, households, codebook):
    assert (segments["second_segment"] != segments["segment"]).all()
    scores = segmenter.compute_scores(households, codebook).to_numpy()
    for row, own, second in zip(
        scores, segments["segment"], segments["second_segment"], strict=True
    ):
        distances = [((row - centre) ** 2).sum() ** 0.5 for centre in segmenter.centres]
        ordered = [name for _, name in sorted(zip(distances, segmenter.names, strict=True))]
        assert [own, second] == ordered[:2]


def test_recovery_by_hand(codebook):
    segments = pd.DataFrame(
        {"segment": list("AABBB"), "thin_record": [False, False, False, False, True]}
    )
    again = [list("AABBA"), list("ABBBB"), list("BBABB")]
    table = measure_recovery(pd.DataFrame({"segment": np.ravel(again)}), segments, codebook)
    assert list(table) == ["segment", "sample", "jaccard"]
    assert table["segment"].tolist() == list("AAABBB")
    assert table["sample"].tolist() == [1, 2, 3, 1, 2, 3]
    # Of the four that count: all as they were; {0} and {1, 2, 3}; {2} and {0, 1, 3}.
    assert table["jaccard"].tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1, 2 / 3, 1 / 2])


def test_recovery_equals_that_of_the_candidates(
    stability, specification, segments, eligible, codebook, few_pairs
):
    grid = few_pairs.grid.model_copy(
        update={"transforms": ("plain",), "views": few_pairs.grid.views[:1], "references": ()}
    )
    small = few_pairs.model_copy(update={"grid": grid})
    labels = label_candidates(eligible, codebook, small)
    _, recoveries = bootstrap_candidates(eligible, labels, codebook, small)
    key = {"specification": specification.name, "k": 3}
    own = labels[(labels[list(key)] == key).all(axis=1)]
    name_of = own.merge(segments, on="household_id").groupby("label")["segment"].agg(["first"])
    rows = recoveries[(recoveries[list(key)] == key).all(axis=1)].set_index("label")
    for label, row in rows.iterrows():
        same = stability.loc[name_of.loc[label, "first"]]
        assert (same["slsw_median"], same["slsw_q10"]) == (row["slsw_median"], row["slsw_q10"])


def test_sizes_and_their_intervals(stability, bootstrapped, segments):
    own = segments[~segments["thin_record"]]
    draws, names = wide(bootstrapped, "draws"), wide(bootstrapped, "segment")
    assert stability.index.tolist() == NAMES
    for name in NAMES:
        size = sum(each == name for each in own["segment"])
        row = stability.loc[name]
        assert row["size"] == size
        assert row["share"] == pytest.approx(size / 543)
        shares = [
            sum(n for n, each in zip(*sample, strict=True) if each == name) / 543
            for sample in zip(draws, names, strict=True)
        ]
        expected = tuple(np.quantile(shares, [0.025, 0.975]))
        assert (row["share_low"], row["share_high"]) == pytest.approx(expected)
        assert row["share_low"] < row["share"] < row["share_high"]
    assert stability["size"].tolist() == [110, 117, 316]


def test_stability_summarises_the_samples(stability, jaccards):
    for name in NAMES:
        drawn = jaccards.loc[jaccards["segment"] == name, "jaccard"]
        assert len(drawn) == 12
        assert stability.loc[name, "slsw_median"] == np.median(drawn)
        assert stability.loc[name, "slsw_q10"] == pytest.approx(np.quantile(drawn, 0.1))
    assert (stability["slsw_median"] >= 0.85).all()


def test_a_sample_without_one_of_the_segments_counts_as_none(
    jaccards, bootstrapped, households, segments, codebook, segmentation
):
    first = (bootstrapped["sample"] <= 11) & (bootstrapped["segment"] == NAMES[0])
    gone = bootstrapped.assign(segment=bootstrapped["segment"].mask(first, NAMES[1]))
    table = measure_stability(jaccards, gone, households, segments, codebook, segmentation)
    low = table.set_index("segment").loc[NAMES[0], "share_low"]
    assert low == 0


def weigh(segmentation, weights):
    description = segmentation.description.model_copy(update={"stratum_weights": weights})
    return segmentation.model_copy(update={"description": description})


def test_the_mix_of_strata_bounds_every_weighted_share(
    stability, jaccards, bootstrapped, households, segments, codebook, segmentation
):
    assert stability["weighted_share"].isna().all()
    own = segments.assign(stratum=households["socio_economic_class"].astype(int))
    per_stratum = own["stratum"].value_counts()
    own = own[~own["thin_record"]]
    shares = pd.crosstab(own["segment"], own["stratum"], normalize="columns")
    assert stability["mix_low"].tolist() == pytest.approx(shares.min(axis=1).tolist())
    assert stability["mix_high"].tolist() == pytest.approx(shares.max(axis=1).tolist())
    for weights in ({1: 5.0, 2: 3.0, 3: 1.0, 4: 1.0}, {1: 1e-9, 2: 1e-9, 3: 1e-9, 4: 1.0}):
        table = measure_stability(
            jaccards, bootstrapped, households, segments, codebook, weigh(segmentation, weights)
        ).set_index("segment")
        total = dict.fromkeys(NAMES, 0.0)
        for segment, stratum in zip(own["segment"], own["stratum"], strict=True):
            total[segment] += weights[stratum] / per_stratum[stratum]
        for name in NAMES:
            weighted = table.loc[name, "weighted_share"]
            assert weighted == pytest.approx(total[name] / sum(total.values()))
            low, high = table.loc[name, ["mix_low", "mix_high"]]
            assert low - 1e-9 <= weighted <= high + 1e-9
    # With all the weight on one stratum it is the share there.
    assert table["weighted_share"].tolist() == pytest.approx(shares[4].tolist(), abs=1e-6)


def test_weights_for_strata_that_the_panel_lacks(
    bootstrapped, households, segments, codebook, segmentation
):
    kept = households[households["socio_economic_class"] != 4].reset_index(drop=True)
    fewer = segments[segments["household_id"].isin(kept["household_id"])].reset_index(drop=True)
    again = bootstrapped[bootstrapped["household_id"].isin(kept["household_id"])]
    weighted = weigh(segmentation, {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0})
    jaccards = measure_recovery(again, fewer, codebook)
    table = measure_stability(jaccards, again, kept, fewer, codebook, weighted)
    assert table["weighted_share"].sum() == pytest.approx(1)
    assert table["weighted_share"].between(table["mix_low"], table["mix_high"]).all()


# Segments across their number


def trace(solutions):
    return trace_segments(renumber_segments(solutions))


@pytest.fixture
def solutions() -> dict[int, np.ndarray]:
    """Random solutions of 300 households, each finer one partly following the coarser one."""
    generator = np.random.default_rng(1)
    labels = {2: generator.integers(2, size=300)}
    for k in (3, 4, 5):
        moved = generator.random(300) < 0.4
        labels[k] = np.where(moved, generator.integers(k, size=300), labels[k - 1])
    return labels


def mix_up(solutions, seed):
    generator = np.random.default_rng(seed)
    mixed = [(k, generator.permutation(k)[labels]) for k, labels in solutions.items()]
    return dict(mixed[::-1])


def test_a_segment_that_stays_or_splits_off_is_stable_and_an_even_mixture_is_not():
    counts = np.array([[40, 0, 0], [0, 7, 0], [0, 9, 0], [5, 5, 5]])
    np.testing.assert_allclose(measure_stability_across(counts), [1, 1, 1, 0], atol=1e-12)


def test_stability_across_by_hand():
    # Shares 1/2, 1/4, 1/4: entropy 1.5 bits of at most log2(4) = 2.
    found = measure_stability_across(np.array([[4, 2, 2, 0], [0, 0, 0, 0]]))
    np.testing.assert_allclose(found, [1 - 1.5 / 2, np.nan])


def test_with_one_coarser_segment_stability_across_is_missing():
    assert np.isnan(measure_stability_across(np.array([[3], [5]]))).all()


def test_paths_by_hand():
    # Two segments of 6 and 4; then the larger one splits, and its smaller part takes one of the 4.
    coarse = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    fine = np.array([2, 2, 2, 2, 0, 0, 0, 1, 1, 1])
    paths, flows = trace({3: fine, 2: coarse})
    assert list(paths[["k", "segment", "households"]].itertuples(index=False, name=None)) == [
        (2, "2.1", 6),
        (2, "2.2", 4),
        (3, "3.1", 4),
        (3, "3.2", 3),
        (3, "3.3", 3),
    ]
    entropy = -(2 / 3 * np.log2(2 / 3) + 1 / 3 * np.log2(1 / 3))
    np.testing.assert_allclose(paths["slsa"], [np.nan, np.nan, 1, 1 - entropy, 1])
    assert flows.columns.tolist() == ["k", "segment", "previous", "households"]
    assert list(flows.itertuples(index=False, name=None)) == [
        (3, "3.1", "2.1", 4),
        (3, "3.2", "2.1", 2),
        (3, "3.2", "2.2", 1),
        (3, "3.3", "2.2", 3),
    ]


def test_flows_add_up_to_both_sizes(solutions):
    paths, flows = trace(solutions)
    sizes = paths.set_index("segment")["households"]
    assert paths.groupby("k")["households"].sum().tolist() == [300] * 4
    into = flows.groupby("segment")["households"].sum()
    assert into.equals(sizes[into.index])
    assert set(into.index) == set(sizes.index) - {"2.1", "2.2"}
    out = flows.groupby("previous")["households"].sum()
    assert out.equals(sizes[out.index].rename_axis("previous"))
    assert (flows["households"] > 0).all()


def test_flows_and_stability_are_those_of_the_households(solutions):
    paths, flows = trace(solutions)
    codes = {
        k: [f"{k}.{number + 1}" for number in labels]
        for k, labels in renumber_segments(solutions).items()
    }
    for k in (3, 4, 5):
        pairs = Counter(zip(codes[k], codes[k - 1], strict=True))
        found = flows[flows["k"] == k].set_index(["segment", "previous"])["households"]
        assert found.to_dict() == pairs
        for row in paths[paths["k"] == k].itertuples():
            shares = [n / row.households for (code, _), n in pairs.items() if code == row.segment]
            entropy = -sum(share * np.log(share) for share in shares)
            assert row.slsa == pytest.approx(1 - entropy / np.log(k - 1))


@pytest.mark.parametrize("seed", range(5))
def test_numbers_of_the_method_and_order_of_solutions_mean_nothing(solutions, seed):
    mixed = mix_up(solutions, seed)
    for plain, other in zip(trace(solutions), trace(mixed), strict=True):
        assert plain.equals(other)
    renumbered = renumber_segments(mixed)
    assert list(renumbered) == [2, 3, 4, 5]
    for k, labels in renumber_segments(solutions).items():
        assert np.array_equal(labels, renumbered[k])


def test_renumbering_renames_and_moves_nobody(solutions):
    for k, labels in renumber_segments(solutions).items():
        assert len(set(zip(labels, solutions[k], strict=True))) == k
        assert set(labels) == set(range(k))


def test_segments_stand_where_most_of_their_members_come_from_the_larger_first(solutions):
    renumbered = renumber_segments(solutions)
    for k in (3, 4, 5):
        keys = []
        for number in range(k):
            members = renumbered[k] == number
            origins = Counter(renumbered[k - 1][members])
            keys.append((max(origins, key=origins.get), -members.sum()))
        assert keys == sorted(keys)
    sizes = np.bincount(renumbered[2])
    assert sizes[0] >= sizes[1]


def test_segments_of_equal_size_stand_in_the_order_of_their_first_household():
    for labels in ([1, 0, 1, 0], [0, 1, 0, 1]):
        assert renumber_segments({2: np.array(labels)})[2].tolist() == [0, 1, 0, 1]


def test_an_empty_segment_is_the_last_and_has_no_flow():
    coarse, fine = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 3, 3])
    paths, flows = trace({2: coarse, 4: fine})
    found = paths[paths["k"] == 4]
    assert found["households"].tolist() == [3, 2, 0, 0]
    np.testing.assert_array_equal(found["slsa"], [1, 1, np.nan, np.nan])
    assert flows["segment"].tolist() == ["4.1", "4.2"]
    assert flows["previous"].tolist() == ["2.1", "2.2"]


def test_a_single_solution_has_paths_and_no_flows():
    paths, flows = trace({3: np.array([0, 1, 2, 2])})
    assert paths["segment"].tolist() == ["3.1", "3.2", "3.3"]
    assert paths["slsa"].isna().all()
    assert flows.empty
    several = trace({2: np.array([0, 1]), 3: np.array([0, 2])})[1]
    assert flows.dtypes.equals(several.dtypes)


def test_one_segment_as_the_coarsest_says_nothing_about_two():
    paths, flows = trace({1: np.zeros(4, dtype=int), 2: np.array([0, 0, 0, 1])})
    assert paths["slsa"].isna().all()
    assert flows["previous"].tolist() == ["1.1", "1.1"]
