from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from customer_segmentation.classification.metrics import (
    keep_eligible,
    list_segments,
    score_answers,
)


@pytest.fixture
def answers():
    return pd.DataFrame(
        {
            "segment": ["b", "a", "b", "a"],
            "reference": ["b", "a", "c d", "a"],
            "predicted": ["b", "b", "b", "a"],
            "p_a": [0.25, 0.0, 0.0, 1.0],
            "p_b": [0.5, 1.0, 0.8, 0.0],
            "p_c_d": [0.25, 0.0, 0.2, 0.0],
        },
        index=[7, 3, 5, 4],
    )


def test_segments_come_from_all_labels_in_their_order(answers):
    assert list_segments(answers) == ["a", "b", "c d"]
    assert list_segments(answers.drop(columns="reference")) == ["a", "b"]
    assert list_segments(pd.DataFrame({"segment": [10, 2], "predicted": [2, 1]})) == [1, 2, 10]


def test_only_thin_records_are_left_out_and_only_where_they_are_told(answers):
    marked = answers.assign(thin_record=[False, True, False, True])
    assert keep_eligible(marked).index.tolist() == [7, 5]
    pd.testing.assert_frame_equal(keep_eligible(answers), answers)


def test_scores_are_those_of_scikit_learn(answers):
    before = answers.copy()
    scores = score_answers(answers, ["a", "b", "c d"])
    pd.testing.assert_frame_equal(answers, before)
    assert scores.index.tolist() == [7, 3, 5, 4]
    assert scores["hit"].tolist() == [1, 0, 1, 1]
    probabilities = answers[["p_a", "p_b", "p_c_d"]]
    for place, truth in enumerate(answers["segment"]):
        row, labels = probabilities.iloc[[place]], ["a", "b", "c d"]
        brier = brier_score_loss([truth], row, labels=labels, scale_by_half=False)
        assert scores["brier"].iloc[place] == pytest.approx(brier)
        if row.to_numpy().max() < 1:
            loss = log_loss([truth], row, labels=labels)
            assert scores["log_loss"].iloc[place] == pytest.approx(loss)


def test_a_sure_mistake_costs_a_lot_but_not_everything(answers):
    scores = score_answers(answers, ["a", "b", "c d"])
    assert scores["log_loss"].tolist() == pytest.approx(
        [-np.log(0.5), -np.log(1e-15), -np.log(0.8), 0], abs=1e-12
    )
    assert scores["brier"].iloc[1] == pytest.approx(2)


def test_answers_can_be_scored_against_another_truth(answers):
    scores = score_answers(answers, ["a", "b", "c d"], "reference")
    assert scores["hit"].tolist() == [1, 0, 0, 1]
    assert scores["log_loss"].iloc[2] == pytest.approx(-np.log(0.2))
