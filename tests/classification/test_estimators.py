from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from xgboost import XGBClassifier

from customer_segmentation.classification.models import (
    CLASSIFIERS,
    MODELS,
    LabelledClassifier,
    build_estimator,
    conformity_column,
    probability_column,
    tabulate_probabilities,
)
from customer_segmentation.classification.validation import _name_setting


def test_every_model_can_be_built(modelling):
    assert tuple(MODELS) == CLASSIFIERS
    assert set(CLASSIFIERS) == set(modelling.models.model_dump())
    for model in CLASSIFIERS:
        assert build_estimator(model, getattr(modelling.models, model)[0], 1) is not None


def test_an_unknown_model_is_an_error(modelling):
    with pytest.raises(KeyError, match="oracle"):
        build_estimator("oracle", modelling.models.lr[0], 1)


def test_any_labels_serve_where_numbers_from_zero_are_needed():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(90, 3)), np.repeat([0, 1, 2], 30)
    X[:, 0] += y
    model = XGBClassifier(n_estimators=5, n_jobs=1)
    for names in (np.array(["c", "a", "b"]), np.array([30, 10, 20])):
        labelled = LabelledClassifier(XGBClassifier(n_estimators=5, n_jobs=1)).fit(X, names[y])
        order = np.argsort(names)
        assert labelled.classes_.tolist() == sorted(names.tolist())
        expected = LabelledClassifier(model).fit(X, np.argsort(order)[y]).predict_proba(X)
        np.testing.assert_array_equal(labelled.predict_proba(X), expected)
        assert (labelled.predict(X) == names[y]).mean() > 0.5


def test_a_setting_is_named_by_what_tells_it_from_the_others(modelling):
    assert [_name_setting(each, modelling.models.lr) for each in modelling.models.lr] == [
        "C=0.01",
        "C=0.1",
        "C=1",
    ]
    for model in CLASSIFIERS:
        grid = getattr(modelling.models, model)
        assert len({_name_setting(each, grid) for each in grid}) == len(grid)
    assert _name_setting(modelling.models.lr[0], modelling.models.lr[:1]) == "as declared"


def test_columns_are_called_after_the_segment_in_snake_case():
    assert probability_column("Variety Seekers") == "p_variety_seekers"
    assert conformity_column("Segment 1") == "c_segment_1"
    assert probability_column(2) == "p_2"


def test_the_likeliest_segment_is_named_and_of_equals_the_first():
    answers = tabulate_probabilities(
        np.array([[0.2, 0.8], [0.5, 0.5]]), ["One", "Two"], pd.Index([7, 3])
    )
    assert answers["predicted"].to_dict() == {7: "Two", 3: "One"}
    assert answers["p_two"].tolist() == [0.8, 0.5]
