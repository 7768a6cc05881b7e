from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from customer_segmentation.classification.encoding import FieldEncoder, encoded_fields
from customer_segmentation.classification.validation import take_values
from customer_segmentation.panel.codebook import Scale


@pytest.fixture
def values(labelled, modelling, codebook):
    return take_values(labelled, modelling.information_set("panel_record"), codebook)


def names(values, codebook, *, nominal):
    return [n for n in values if (codebook[n].scale == Scale.NOMINAL) == nominal]


def test_a_linear_model_gets_what_scikit_learn_s_own_steps_give(values, codebook):
    nominal, numbers = (names(values, codebook, nominal=flag) for flag in (True, False))
    ours = FieldEncoder(codebook, [*nominal, *numbers], linear=True).fit_transform(values)
    other = ColumnTransformer(
        [
            ("levels", OneHotEncoder(sparse_output=False), nominal),
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("missing", MissingIndicator(), numbers),
        ]
    ).fit_transform(values)
    assert ours.shape == other.shape
    order = [np.lexsort(np.round(matrix, 9)) for matrix in (ours, other)]
    np.testing.assert_allclose(ours[:, order[0]], other[:, order[1]], atol=1e-9)


def test_trees_get_numbers_as_they_are_and_a_column_per_code(values, codebook):
    nominal, numbers = (names(values, codebook, nominal=flag) for flag in (True, False))
    encoder = FieldEncoder(codebook, [*numbers, *nominal], linear=False).fit(values)
    matrix = encoder.transform(values)
    np.testing.assert_array_equal(matrix[:, : len(numbers)], values[numbers].to_numpy())
    levels = matrix[:, len(numbers) :]
    assert levels.shape[1] == sum(values[name].nunique(dropna=False) for name in nominal)
    assert (levels.sum(axis=1) == len(nominal)).all()


@pytest.mark.parametrize("linear", [True, False])
def test_each_encoded_column_knows_its_field(values, codebook, linear):
    encoder = FieldEncoder(codebook, list(values), linear=linear).fit(values)
    matrix, fields = encoder.transform(values), encoded_fields(encoder.entries_)
    assert len(fields) == matrix.shape[1]
    for name in values:
        other = values.assign(**{name: values[name].to_numpy()[::-1]})
        changed = np.nan_to_num(encoder.transform(other) - matrix).any(axis=0)
        assert set(np.array(fields)[changed]) <= {name}


def test_not_stated_is_a_code_of_its_own_and_an_unknown_code_is_none(codebook):
    X = pd.DataFrame({"children": [1.0, 2.0, np.nan, 1.0]})
    encoder = FieldEncoder(codebook, ["children"], linear=False).fit(X)
    assert encoder.transform(X).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert encoder.transform(pd.DataFrame({"children": [4.0]})).tolist() == [[0, 0, 0]]


def test_where_nothing_was_blank_a_blank_one_is_no_code_and_takes_the_median(codebook):
    X = pd.DataFrame({"children": [1.0, 2.0, 2.0], "homemaker_education": [1.0, 2.0, 6.0]})
    encoder = FieldEncoder(codebook, list(X), linear=True).fit(X)
    blank = pd.DataFrame({"children": [np.nan], "homemaker_education": [np.nan]})
    assert encoder.transform(blank).tolist() == [[0, 0, (2 - 3) / np.std([1, 2, 6])]]


def test_a_constant_and_a_column_without_any_value_are_taken(codebook):
    X = pd.DataFrame({"total_volume": [5.0, 5.0], "household_size": [np.nan, np.nan]})
    matrix = FieldEncoder(codebook, list(X), linear=True).fit_transform(X)
    assert matrix.tolist() == [[0, 0, 1], [0, 0, 1]]


def test_nothing_is_learnt_from_other_rows(values, codebook):
    encoder = FieldEncoder(codebook, list(values), linear=True).fit(values.iloc[:300])
    fooled = pd.concat([values.iloc[:300], values.iloc[300:] * 1e6])
    again = FieldEncoder(codebook, list(values), linear=True).fit(fooled.iloc[:300])
    np.testing.assert_array_equal(encoder.transform(values), again.transform(values))
