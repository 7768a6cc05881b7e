from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from customer_segmentation.classification.folds import (
    FOLD,
    HOLD_OUT,
    NESTED_CV,
    ValidationError,
    assign_folds,
    refuse_too_few,
    segment_folds,
)
from customer_segmentation.segments.segmenter import fit_segmenter
from tests.classification.conftest import CANDIDATES


@pytest.fixture
def folds(labelled, small_modelling):
    return assign_folds(labelled, small_modelling)


@pytest.fixture
def segmented(labelled, folds, parameters, small_modelling):
    return segment_folds(
        labelled,
        folds,
        CANDIDATES,
        parameters.codebook,
        parameters.segmentation,
        small_modelling,
    )


def rows_of(table, place):
    return table[(table[FOLD] == place).all(axis=1)]


def test_every_household_is_tested_once_per_repeat_thin_or_not(labelled, folds):
    for _, rows in folds[folds["protocol"] == NESTED_CV].groupby("repeat"):
        assert sorted(rows["household_id"]) == sorted(labelled["household_id"])
        assert rows["fold"].nunique() == 3
    assert sorted(folds["repeat"].unique()) == [1, 2]


def test_thin_households_are_dealt_evenly(labelled, folds):
    thin = set(labelled.loc[labelled["thin_record"], "household_id"])
    nested = folds[folds["protocol"] == NESTED_CV]
    dealt = nested[nested["household_id"].isin(thin)].groupby(["repeat", "fold"]).size()
    assert dealt.max() - dealt.min() <= 1
    partners = nested[nested["household_id"].isin(thin)].pivot_table(
        index="household_id", columns="repeat", values="fold"
    )
    assert (partners[1] != partners[2]).any()


def test_every_test_part_mirrors_the_segments(labelled, folds, small_modelling):
    eligible = labelled[~labelled["thin_record"]]
    shares = eligible["segment"].value_counts(normalize=True)
    for _, rows in folds.groupby(FOLD):
        tested = eligible[eligible["household_id"].isin(rows["household_id"])]
        found = tested["segment"].value_counts(normalize=True)
        assert (found - shares).abs().max() < 1.5 / len(tested)
    held_out = folds[folds["protocol"] == HOLD_OUT]["household_id"]
    share = eligible["household_id"].isin(held_out).mean()
    assert share == pytest.approx(small_modelling.validation.hold_out_share, abs=0.002)
    assert labelled.loc[labelled["thin_record"], "household_id"].isin(held_out).all()


def test_seeds_divide_anew_and_the_same_seed_alike(labelled, small_modelling, folds):
    pd.testing.assert_frame_equal(assign_folds(labelled, small_modelling), folds)
    other = small_modelling.model_copy(update={"random_state": 1})
    assert not assign_folds(labelled, other).equals(folds)


def test_a_segment_too_small_for_folds_within_folds_is_refused(labelled, small_modelling):
    rare = (
        labelled["segment"]
        .mask(labelled.index >= 3, "Other")
        .mask(labelled["thin_record"], "Other")
    )
    rare = rare.mask(rare != "Other", "Rare")
    with pytest.raises(ValidationError, match="Segment Rare has only") as caught:
        refuse_too_few(rare[~labelled["thin_record"]], small_modelling)
    assert "modelling.validation." in str(caught.value)


@pytest.mark.parametrize(("folds", "inner"), [(2, 2), (5, 5), (3, 10), (10, 3)])
def test_what_is_let_through_can_be_divided(folds, inner, modelling):
    """The smallest segment allowed keeps a household of each inner fold in every training fold."""
    from sklearn.model_selection import StratifiedKFold, train_test_split

    update = {"folds": folds, "inner_folds": inner}
    validation = modelling.validation.model_copy(update=update)
    changed = modelling.model_copy(update={"validation": validation})
    for size in range(2, 60):
        segments = pd.Series(["rare"] * size + ["common"] * 300)
        try:
            refuse_too_few(segments, changed)
        except ValidationError:
            continue
        for seed in range(5):
            outer = StratifiedKFold(folds, shuffle=True, random_state=seed)
            for training, _ in outer.split(segments, segments):
                assert (segments.iloc[training] == "rare").sum() >= inner
            training, tested = train_test_split(
                segments,
                test_size=validation.hold_out_share,
                stratify=segments,
                random_state=seed,
            )
            assert (training == "rare").sum() >= inner
            assert (tested == "rare").any()
        break
    else:
        pytest.fail("no size was let through")


def test_more_folds_of_the_audit_than_households_are_refused(labelled, modelling):
    audit = modelling.audit.model_copy(update={"folds": 544})
    eligible = labelled.loc[~labelled["thin_record"], "segment"]
    with pytest.raises(ValidationError, match=r"modelling\.audit\.folds is 544, but only 543"):
        refuse_too_few(eligible, modelling.model_copy(update={"audit": audit}))


def test_a_fold_s_segments_are_those_of_its_training_households(
    labelled, segmented, specification, parameters
):
    table, _ = segmented
    place = [NESTED_CV, 2, 3]
    rows = rows_of(table, place)
    assert rows["household_id"].tolist() == labelled["household_id"].tolist()
    training = labelled[~labelled["thin_record"] & ~rows["tested"].to_numpy()]
    again = fit_segmenter(
        training.drop(columns="segment"),
        specification,
        3,
        parameters.codebook,
        parameters.segmentation,
        minimum_transactions=11,
    )
    # The personas name the same segments here as the match with the reference does.
    scores = again.compute_scores(labelled, parameters.codebook).to_numpy()
    assert again.predict(scores).tolist() == rows["segment"].tolist()


def test_tested_households_play_no_part_in_forming_the_segments(
    labelled, folds, segmented, parameters, small_modelling
):
    place = [NESTED_CV, 1, 2]
    tested = labelled["household_id"].isin(rows_of(folds, place)["household_id"])
    fooled = labelled.copy()
    fooled.loc[tested, ["brand_runs", "repeat_rate", "promo_share"]] = [1, 0.5, 0.9]
    table, _ = segment_folds(
        fooled,
        folds,
        CANDIDATES,
        parameters.codebook,
        parameters.segmentation,
        small_modelling,
    )
    before, after = (rows_of(each, place)["segment"].to_numpy() for each in (segmented[0], table))
    assert (before[~tested] == after[~tested]).all()
    assert (before[tested] != after[tested]).any()


def test_matches_are_measured_on_training_households(labelled, segmented):
    table, alignments = segmented
    place = [NESTED_CV, 1, 1]
    rows = rows_of(table, place)
    training = ~labelled["thin_record"].to_numpy() & ~rows["tested"].to_numpy()
    ours, reference = rows["segment"].to_numpy()[training], labelled["segment"][training]
    for row in rows_of(alignments, place).to_dict("records"):
        first, second = ours == row["segment"], (reference == row["segment"]).to_numpy()
        assert row["jaccard"] == pytest.approx((first & second).sum() / (first | second).sum())
        assert row["misfit"] == (row["jaccard"] < 0.75)
    assert adjusted_rand_score(ours, reference) > 0.8


def test_a_segment_that_is_not_found_again_is_a_misfit(
    labelled, folds, parameters, small_modelling
):
    rng = np.random.default_rng(1)
    shuffled = labelled.assign(segment=rng.permutation(labelled["segment"].to_numpy()))
    table, alignments = segment_folds(
        shuffled,
        folds,
        CANDIDATES,
        parameters.codebook,
        parameters.segmentation,
        small_modelling,
    )
    assert alignments["misfit"].any()
    assert set(table["segment"]) == set(labelled["segment"])
