from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

from customer_segmentation.classification.models import SMALLEST
from customer_segmentation.classification.selection import Split, encode_split, split_folds
from customer_segmentation.classification.validation import take_values

FIELDS = ["mother_tongue", "children", "household_size", "affluence_index"]


@pytest.fixture
def values(labelled, modelling, codebook):
    return take_values(labelled, modelling.information_set("demographics"), codebook)


def test_folds_become_splits_of_eligible_households(labelled, fold_segments, small_modelling):
    splits = split_folds(labelled, fold_segments, repeats=2)
    folds = small_modelling.validation.folds
    assert len(splits) == 2 * folds + 1
    eligible = labelled.index[~labelled["thin_record"]]
    for repeat in range(2):
        mine = splits[repeat * folds : (repeat + 1) * folds]
        tested = np.concatenate([split.tested for split in mine])
        assert sorted(tested) == list(eligible)
        for split in mine:
            assert sorted([*split.training, *split.tested]) == list(eligible)
    *_, final = splits
    assert list(final.training) == list(eligible)
    assert final.tested.empty
    assert np.array_equal(final.numbers, pd.factorize(labelled["segment"], sort=True)[0][eligible])


def test_a_split_has_the_labels_of_its_own_fold(labelled, fold_segments):
    changed = fold_segments.copy()
    second = (changed["protocol"] == "nested_cv") & (changed["fold"] == 2)
    changed.loc[second, "segment"] = np.where(changed.loc[second, "tested"], "Z", "A")
    splits = split_folds(labelled, changed, repeats=1)
    assert set(splits[1].numbers) == {0}
    assert set(splits[1].truth) == {1}
    assert set(splits[0].numbers) == {0, 1, 2}


def test_answers_by_another_route(values, labelled, fold_segments, codebook):
    split = split_folds(labelled, fold_segments, repeats=1)[1]
    answers = encode_split(values, split, codebook).answer(FIELDS[1:], 0.1)
    children = pd.get_dummies(values["children"], dummy_na=True).astype(float)
    numbers = values[FIELDS[2:]]
    filled = numbers.fillna(numbers.loc[split.training].median())
    centred = filled - filled.loc[split.training].mean()
    scaled = centred / filled.loc[split.training].std(ddof=0)
    blank = numbers.isna().loc[:, numbers.loc[split.training].isna().any()].astype(float)
    encoded = np.column_stack([children, scaled, blank])
    model = LogisticRegression(C=0.1, tol=1e-9, max_iter=10_000)
    model.fit(encoded[split.training], split.numbers)
    guesses = model.predict_proba(encoded[split.tested])
    assert answers.losses.mean() == pytest.approx(log_loss(split.truth, guesses), abs=1e-4)
    assert answers.hits.mean() == accuracy_score(split.truth, guesses.argmax(axis=1))


def test_what_is_not_asked_plays_no_part(values, labelled, fold_segments, codebook):
    split = split_folds(labelled, fold_segments, repeats=1)[0]
    asked = FIELDS[:2]
    of_all = encode_split(values, split, codebook).answer(asked, 0.1)
    of_asked = encode_split(values[asked], split, codebook).answer(asked, 0.1)
    assert np.array_equal(of_all.losses, of_asked.losses)


def test_a_segment_nobody_trained_on_is_possible_but_costly(codebook):
    values = pd.DataFrame({"household_size": [1.0, 2.0, 3.0, 4.0, 5.0]})
    split = Split(
        pd.Index([0, 1, 2]), np.array([0, 2, 2]), pd.Index([3, 4]), np.array([1, 3], dtype=int)
    )
    answers = encode_split(values, split, codebook).answer(["household_size"], 1.0)
    assert answers.losses == pytest.approx([-np.log(SMALLEST)] * 2)
    assert not answers.hits.any()


def test_households_tested_teach_the_encoder_nothing(values, labelled, fold_segments, codebook):
    split = split_folds(labelled, fold_segments, repeats=1)[0]
    spoilt = values.copy()
    spoilt.loc[split.tested, "household_size"] = 1e6
    before, after = (encode_split(each, split, codebook) for each in (values, spoilt))
    assert np.array_equal(before.training, after.training)
