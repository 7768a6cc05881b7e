from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from xgboost import XGBClassifier

from customer_segmentation.panel.codebook import Scale
from customer_segmentation.typing_tool.estimators import (
    BASELINES,
    CLASSIFIERS,
    MODELS,
    LabelledClassifier,
    build_classifier,
    build_encoder,
    field_of,
    predict_segments,
    probability_column,
)

SEED = 7


@pytest.fixture
def build(codebook, settings):
    def build_on(model, *fields):
        return build_classifier(model, fields, codebook, settings, SEED)

    return build_on


def numbers(labelled, *columns):
    return labelled[list(columns)].astype("float64")


def test_every_model_can_be_built():
    assert tuple(MODELS) == (*CLASSIFIERS, *BASELINES)


@pytest.mark.parametrize("model", CLASSIFIERS)
@pytest.mark.parametrize("name", ["demographics", "source_study", "panel_record"])
def test_missing_codes_and_every_information_set_are_taken(build, labelled, modelling, model, name):
    fields = modelling.information_set(name).fields
    fitted = build(model, *fields).fit(labelled, labelled["segment"])
    answers = predict_segments(fitted, labelled)
    names = sorted(labelled["segment"].unique())
    assert list(answers) == ["predicted", *map(probability_column, names)]
    probabilities = answers.drop(columns="predicted")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)
    best = np.array(names)[probabilities.to_numpy().argmax(axis=1)]
    assert (best == answers["predicted"]).all()


@pytest.mark.parametrize("linear", [True, False])
def test_nominal_codes_are_no_numbers(codebook, labelled, linear):
    """A published error: mother tongue 4 is not twice mother tongue 2."""
    X = numbers(labelled, "mother_tongue", "children")
    matrix = build_encoder(list(X), codebook, linear=linear).fit_transform(X)
    levels = sum(X[name].nunique(dropna=False) for name in X)
    assert matrix.shape == (len(X), levels)
    assert set(np.unique(matrix)) == {0, 1}
    assert (matrix.sum(axis=1) == len(X.columns)).all()


def test_renumbering_a_nominal_code_changes_nothing(build, labelled):
    fitted = build("lr", "demographics").fit(labelled, labelled["segment"])
    renumbered = labelled.assign(mother_tongue=20 - labelled["mother_tongue"])
    again = build("lr", "demographics").fit(renumbered, renumbered["segment"])
    np.testing.assert_allclose(
        fitted.predict_proba(labelled), again.predict_proba(renumbered), atol=2e-3
    )


def test_not_stated_is_a_code_of_its_own_and_an_unknown_code_is_none(codebook):
    X = pd.DataFrame({"children": [1.0, 2.0, np.nan, 1.0]})
    encoder = build_encoder(["children"], codebook, linear=False).fit(X)
    assert encoder.transform(X).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert encoder.transform(pd.DataFrame({"children": [4.0]})).tolist() == [[0, 0, 0]]


def test_ordinal_codes_keep_their_order_and_trees_get_missing_values(codebook, labelled):
    X = numbers(labelled, "homemaker_education", "total_volume")
    matrix = build_encoder(list(X), codebook, linear=False).fit_transform(X)
    np.testing.assert_array_equal(matrix, X.to_numpy())
    assert np.isnan(matrix).any()


def test_a_linear_model_gets_standardised_numbers_and_a_column_for_missing_ones(codebook, labelled):
    X = numbers(labelled, "homemaker_education", "total_volume")
    matrix = build_encoder(list(X), codebook, linear=True).fit_transform(X)
    education = X["homemaker_education"]
    filled = education.fillna(education.median()).to_numpy()
    np.testing.assert_allclose(matrix[:, 0], (filled - filled.mean()) / filled.std(), atol=1e-12)
    np.testing.assert_allclose(matrix[:, 1].mean(), 0, atol=1e-12)
    np.testing.assert_array_equal(matrix[:, 2], education.isna())
    assert matrix.shape[1] == 3  # volume is never missing


@pytest.mark.parametrize("linear", [True, False])
def test_each_encoded_column_knows_its_field(codebook, labelled, modelling, linear):
    columns = codebook.expand(modelling.information_set("source_study").fields)
    X = numbers(labelled, *columns)
    encoder = build_encoder(columns, codebook, linear=linear).fit(X)
    fields = [field_of(name) for name in encoder.get_feature_names_out()]
    assert set(fields) == set(columns)
    nominal = [name for name in columns if codebook[name].scale == Scale.NOMINAL]
    assert {n: fields.count(n) for n in nominal} == {n: X[n].nunique(False) for n in nominal}


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_identifier_and_label_are_never_looked_at(build, labelled, model):
    """A published error: the member id or the cluster label among the predictors."""
    fitted = build(model, "demographics").fit(labelled, labelled["segment"])
    fooled = labelled.assign(household_id=labelled["household_id"].to_numpy()[::-1], segment="x")
    refitted = build(model, "demographics").fit(fooled, labelled["segment"])
    expected = predict_segments(fitted, labelled)
    pd.testing.assert_frame_equal(predict_segments(fitted, fooled), expected, check_exact=True)
    pd.testing.assert_frame_equal(predict_segments(refitted, fooled), expected, check_exact=True)
    pd.testing.assert_frame_equal(
        predict_segments(fitted, labelled.drop(columns=["household_id", "segment"])), expected
    )


def test_derived_variables_are_computed_from_the_fields(build, labelled, features):
    fitted = build("lr", "repeat_rate", "log_volume").fit(labelled, labelled["segment"])
    given = labelled.merge(features, on="household_id")
    np.testing.assert_array_equal(fitted.predict_proba(given), fitted.predict_proba(labelled))


def test_any_labels_serve_where_numbers_from_zero_are_needed():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(90, 3)), np.repeat([0, 1, 2], 30)
    X[:, 0] += y
    model = XGBClassifier(n_estimators=5, n_jobs=1)
    plain = model.fit(X, y).predict_proba(X)
    for names in (np.array(["c", "a", "b"]), np.array([30, 10, 20])):
        labelled = LabelledClassifier(XGBClassifier(n_estimators=5, n_jobs=1)).fit(X, names[y])
        order = np.argsort(names)
        assert labelled.classes_.tolist() == sorted(names.tolist())
        expected = LabelledClassifier(model).fit(X, np.argsort(order)[y]).predict_proba(X)
        np.testing.assert_array_equal(labelled.predict_proba(X), expected)
        np.testing.assert_allclose(
            labelled.predict_proba(X)[:, np.argsort(order)], plain, atol=0.05
        )
        assert (labelled.predict(X) == names[y]).mean() > 0.5


def test_the_baselines_are_the_largest_segment_and_the_shares(build, labelled):
    shares = labelled["segment"].value_counts(normalize=True)
    largest = shares.idxmax()
    majority = predict_segments(
        build("majority", "demographics").fit(labelled, labelled["segment"]), labelled
    )
    prior = predict_segments(
        build("prior", "demographics").fit(labelled, labelled["segment"]), labelled
    )
    assert (majority["predicted"] == largest).all()
    assert (prior["predicted"] == largest).all()
    assert (majority[probability_column(largest)] == 1).all()
    for segment, share in shares.items():
        np.testing.assert_allclose(prior[probability_column(segment)], share)


def test_an_unknown_model_is_an_error(build):
    with pytest.raises(KeyError, match="oracle"):
        build("oracle", "demographics")
