from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy.special import softmax

from customer_segmentation.panel.codebook import Scale
from customer_segmentation.typing_tool.estimators import build_classifier
from customer_segmentation.typing_tool.explanation import (
    explain_margins,
    list_contributions,
    rank_fields,
)

SETS = ["demographics", "source_study", "panel_record"]


@pytest.fixture
def fit(codebook, settings, modelling, labelled):
    def fit_on(name, table=labelled):
        fields = modelling.information_set(name).fields
        classifier = build_classifier("xgboost", fields, codebook, settings, seed=3)
        return classifier.fit(table, table["segment"])

    return fit_on


@pytest.mark.parametrize("name", SETS)
def test_contributions_add_up_to_the_score_before_softmax(fit, labelled, name):
    classifier, few = fit(name), labelled.head(60)
    explanation = explain_margins(classifier, few)
    margins = explanation.base + explanation.values.sum(axis=1)
    matrix = classifier[:-1].transform(few)
    own = classifier["classifier"].classifier_.predict(matrix, output_margin=True)
    np.testing.assert_allclose(margins, own, atol=1e-4)
    np.testing.assert_allclose(softmax(margins, axis=1), classifier.predict_proba(few), atol=1e-4)


@pytest.mark.parametrize("name", SETS)
def test_contributions_are_those_of_xgboost_itself(fit, labelled, codebook, name):
    classifier, few = fit(name), labelled.head(60)
    explanation = explain_margins(classifier, few)
    booster = classifier["classifier"].classifier_.get_booster()
    matrix = xgboost.DMatrix(classifier[:-1].transform(few))
    own = booster.predict(matrix, pred_contribs=True)  # households x segments x (columns and base)
    # by another route than the names of the columns: nominal levels first, then the numbers
    columns = list(classifier["features"].variables)
    nominal = [field for field in columns if codebook[field].scale == Scale.NOMINAL]
    levels = classifier["encoder"].named_transformers_["levels"].categories_
    widths = [len(codes) for codes in levels] + [1] * (len(columns) - len(nominal))
    order = nominal + [field for field in columns if field not in nominal]
    ends = np.cumsum(widths)
    for field, end, width in zip(order, ends, widths, strict=True):
        expected = own[:, :, end - width : end].sum(axis=2)
        found = explanation.values[:, explanation.fields.index(field), :]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(own[0, :, -1], explanation.base, atol=1e-4)


def test_two_segments_mirror_each_other(fit, labelled):
    two = labelled[labelled["segment"] != labelled["segment"].iloc[0]]
    classifier = fit("demographics", two)
    explanation = explain_margins(classifier, two)
    margins = explanation.base + explanation.values.sum(axis=1)
    np.testing.assert_allclose(margins[:, 0], -margins[:, 1])
    probabilities = 1 / (1 + np.exp(-margins))
    np.testing.assert_allclose(probabilities, classifier.predict_proba(two), atol=1e-4)


def test_the_list_holds_each_contribution_beside_the_value_of_the_field(fit, labelled):
    classifier, few = fit("demographics"), labelled.iloc[[5, 2, 40]]
    explanation, table = explain_margins(classifier, few), list_contributions(classifier, few)
    assert len(table) == 3 * 10 * 3
    indexed = table.set_index(["segment", "household_id", "field"])
    for h, household in enumerate(few["household_id"]):
        for f, field in enumerate(explanation.fields):
            for s, segment in enumerate(explanation.segments):
                row = indexed.loc[(segment, household, field)]
                assert row["shap_value"] == explanation.values[h, f, s]
                stated = few[field].astype("float64").iloc[h]
                np.testing.assert_equal(row["field_value"], stated)


def test_fields_are_ranked_by_their_mean_absolute_contribution():
    rows = [
        ("set", "a", 1, "f", -3.0),
        ("set", "a", 1, "g", 1.0),
        ("set", "a", 1, "h", 2.0),
        ("set", "a", 2, "f", 1.0),
        ("set", "a", 2, "g", 5.0),
        ("set", "a", 2, "h", 2.0),
        ("set", "b", 1, "f", 0.1),
        ("set", "b", 1, "g", -0.2),
        ("set", "b", 1, "h", 0.0),
    ]
    columns = ["information_set", "segment", "household_id", "field", "shap_value"]
    values = pd.DataFrame(rows, columns=columns).assign(model="m")
    table = rank_fields(values).set_index(["segment", "field"])
    assert table.loc["a", "mean_abs_shap"].to_dict() == {"f": 2, "g": 3, "h": 2}
    assert table.loc["a", "rank"].to_dict() == {"f": 2, "g": 1, "h": 3}
    assert table.loc["b", "rank"].to_dict() == {"f": 2, "g": 1, "h": 3}
