from __future__ import annotations

import pytest
from pydantic import ValidationError

from customer_segmentation.classification.parameters import InformationSet, ModellingParameters


def with_fields(modelling: ModellingParameters, *fields: str) -> ModellingParameters:
    raw = modelling.model_dump()
    raw["source_study"] = None
    raw["information_sets"] = [{"name": "tried", "fields": fields}]
    raw["campaign"]["information_set"] = "tried"
    return ModellingParameters.model_validate(raw)


def test_the_project_s_own_parameters_pass(modelling, codebook):
    modelling.check(codebook)


def test_the_panel_record_is_everything_but_the_identifier(modelling, codebook):
    columns = codebook.expand(modelling.information_set("panel_record").fields)
    everything = {v.name for v in (*codebook.fields, *codebook.derived)}
    assert set(columns) == everything - {codebook.identifier}


def test_demographics_are_the_ten_descriptors(modelling, codebook):
    columns = codebook.expand(modelling.information_set("demographics").fields)
    assert len(columns) == 10
    assert not any(map(codebook.is_from_purchases, columns))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        # the identifier and the cluster label as predictors are published errors
        (["demographics", "household_id"], "'household_id' is the identifier"),
        (["identity"], "'household_id' is the identifier"),
        (["demographics", "segment"], "no variable 'segment'"),
        (["thin_record"], "'thin_record' is the flag"),
        (["no_such_field"], "no variable 'no_such_field'"),
        (["children", "children"], "'children' stands twice"),
        (["demographics", "children"], "'children' stands twice"),
    ],
)
def test_columns_that_no_classifier_may_use_are_refused(modelling, codebook, fields, message):
    tried = with_fields(modelling, *fields)
    with pytest.raises(ValueError, match=message) as caught:
        tried.check(codebook)
    assert "information_sets.tried.fields" in str(caught.value)


def test_two_sets_of_one_name_are_refused(modelling):
    raw = modelling.model_dump()
    raw["information_sets"] = [raw["information_sets"][0], *raw["information_sets"]]
    with pytest.raises(ValidationError, match="'panel_record' stands twice"):
        ModellingParameters.model_validate(raw)


def test_nobody_sets_a_claim_by_hand():
    with pytest.raises(ValidationError, match="claim"):
        InformationSet.model_validate({"name": "a", "fields": ["b"], "claim": "prediction"})


def test_distances_between_nominal_codes_are_refused(modelling, codebook):
    study = modelling.source_study.model_copy(update={"segmentation_variables": ("mother_tongue",)})
    with pytest.raises(ValueError, match="'mother_tongue' holds codes"):
        modelling.model_copy(update={"source_study": study}).check(codebook)


def test_the_source_study_needs_a_known_information_set(modelling):
    raw = modelling.model_dump()
    raw["source_study"]["information_set"] = "crystal_ball"
    with pytest.raises(ValidationError, match="crystal_ball"):
        ModellingParameters.model_validate(raw)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"campaign": {"information_set": "crystal_ball"}}, "campaign.information_set"),
        ({"campaign": {"contact_cost": -1}}, "contact_cost"),
        ({"campaign": {"success_value": -0.5}}, "success_value"),
        ({"campaign": {"depths": (0.5, 0.1)}}, "depths must ascend"),
        ({"campaign": {"depths": (0.1, 0.1)}}, "depths must ascend"),
        ({"campaign": {"depths": (0.1, 1.5)}}, "depths"),
        ({"validation": {"folds": 1}}, "folds"),
        ({"golden_questions": {"repeats": 6}}, "golden_questions.repeats is 6"),
        ({"conformal": {"error_rate": 1}}, "error_rate"),
        ({"models": {"lr": ()}}, "lr"),
        ({"audit": {"claim": "prediction"}}, "claim"),
        ({"campaign": {"contact_cost": float("inf")}}, "contact_cost"),
        ({"campaign": {"success_value": float("nan")}}, "success_value"),
        ({"permutations": {"C": float("inf")}}, "permutations.C"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(modelling, change, message):
    raw = modelling.model_dump()
    for key, values in change.items():
        raw[key] |= values
    with pytest.raises(ValidationError, match=message):
        ModellingParameters.model_validate(raw)


@pytest.mark.parametrize("name", ["", " demographics", "a|b", "a\nb", "Customers", "x" * 100])
def test_names_of_sets_are_keys(modelling, name):
    with pytest.raises(ValidationError, match="name"):
        InformationSet(name=name, fields=("children",))


@pytest.mark.parametrize("name", ["total_value", "brand_shares"])
def test_slices_of_measurements_are_refused(modelling, codebook, name):
    fairness = modelling.fairness.model_copy(update={"fields": (name,)})
    with pytest.raises(ValueError, match=rf"fairness\.fields: '{name}' holds no codes"):
        modelling.model_copy(update={"fairness": fairness}).check(codebook)


def test_a_field_explained_in_two_groups_is_refused(modelling, codebook):
    raw = modelling.model_dump()
    raw["field_groups"] = [
        {"name": "first", "label": "First", "fields": ["promotion_shares"]},
        {"name": "second", "label": "Second", "fields": ["share_no_promotion"]},
    ]
    with pytest.raises(ValueError, match="field_groups: 'share_no_promotion' stands twice"):
        ModellingParameters.model_validate(raw).check(codebook)


def test_slices_of_a_field_that_does_not_exist_are_refused(modelling, codebook):
    fairness = modelling.fairness.model_copy(update={"fields": ("shoe_size",)})
    with pytest.raises(ValueError, match=r"fairness\.fields: .*'shoe_size'"):
        modelling.model_copy(update={"fairness": fairness}).check(codebook)
