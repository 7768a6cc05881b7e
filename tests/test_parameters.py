"""All parameters together: what is refused before any node runs, and what the message names."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from customer_segmentation.panel.codebook import Role
from customer_segmentation.parameters import ParameterError, check_parameters
from tests.conftest import load_config


@pytest.fixture
def raw() -> dict[str, Any]:
    return deepcopy(dict(load_config()["parameters"]))


def put(raw: dict[str, Any], path: str, value: object) -> None:
    """Set one leaf; a number in the path is a place in a list."""
    *way, last = path.split(".")
    target: Any = raw
    for step in way:
        target = target[int(step) if step.isdigit() else step]
    target[int(last) if last.isdigit() else last] = value


def test_the_parameters_of_the_project_pass(raw):
    assert check_parameters(raw).segmentation.counts.largest == 5


INDICATOR = "segmentation.constructs.0.scores.0.indicators.0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("segmentatoin", {}, "segmentatoin"),
        ("data_processing.minimum_transactions", 0, "data_processing.minimum_transactions"),
        ("data_processing.minimum_transactions", "many", "it is 'many'"),
        ("segmentation.random_state", 2**32, "segmentation.random_state"),
        (f"{INDICATOR}.variable", "nope", "no variable 'nope'"),
        (f"{INDICATOR}.variable", "mother_tongue", "nominal"),
        (f"{INDICATOR}.variable", "promo_share", "'promo_share' stands twice; remove or rename"),
        (f"{INDICATOR}.shrink.by", "promo_share", "shrink.by"),
        ("segmentation.constructs.2.scores.0.weight", 0.7, "sum to 1"),
        ("segmentation.naming.personas.0.signature.0.variable", "nope", "naming.personas"),
        ("segmentation.counts.largest", 2, "naming.personas has 3"),
        ("modelling.information_sets.0.fields", ["nope"], "'nope'"),
        ("modelling.information_sets.0.fields", ["household_id"], "'household_id'"),
        ("modelling.permutations.C", -1, "modelling.permutations.C"),
        ("modelling.campaign.segment", "Nobody", "no segment 'Nobody'; choose from Loyalists"),
        ("modelling.campaign.information_set", "stars", "campaign.information_set is 'stars'"),
        ("modelling.campaign.contact_cost", -1, "modelling.campaign.contact_cost"),
        ("modelling.information_sets.0.claim", "prediction", "there is no such key"),
        ("modelling.models.svm", {}, "modelling.models.svm"),
        ("modelling.validation.hold_out_share", 1.5, "modelling.validation.hold_out_share"),
        ("reporting.protocol", "bootstrap", "reporting.protocol"),
        ("service.batch_limit", 0, "service.batch_limit"),
        ("service.threads", "many", "it is 'many'"),
        ("service.token", "secret", "there is no such key"),
        ("reporting.map_scores", ["loyalty", "nope"], "reporting.map_scores: 'nope'"),
        ("reporting.beeswarm_information_set", "nope", "reporting.beeswarm_information_set"),
        ("reporting.segment_colours", {"Loyalistz": "#000000"}, "'Loyalistz' is not declared"),
        ("reporting.segment_colours.Loyalists", "blue", "reporting.segment_colours.Loyalists"),
        ("reporting.claims.guess", {"colour": "#000000", "marker": "o"}, "reporting.claims"),
        ("reporting.claims.overlap.marker", "Q?", "reporting.claims.overlap.marker"),
        ("reporting.trend_variables", ["mother_tongue"], "trend_variables: 'mother_tongue'"),
        ("reporting.card_variables", ["repeat_rate", "repeat_rate"], "stands twice"),
        ("reporting.amount_variables", ["nope"], "amount_variables: 'nope'"),
        ("reporting.trend_variables", ["brand_shares"], "trend_variables: 'brand_shares'"),
        ("data_root", None, "data_root"),
        ("panel_file", "", "panel_file"),
        ("households_file", "", "households_file"),
        ("scoring.processes", 0, "scoring.processes"),
    ],
)
def test_a_bad_parameter_is_refused_and_named(raw, path, value, message):
    put(raw, path, value)
    with pytest.raises(ParameterError) as refusal:
        check_parameters(raw)
    text = str(refusal.value)
    assert message in text
    assert len(text.splitlines()) <= 15


def test_a_codebook_must_play_every_role(raw):
    fields = raw["codebook"]["fields"]
    named = next(f for f in fields if f.get("role") == Role.STRATUM.value)
    del named["role"]
    with pytest.raises(ParameterError, match=f"no column the role '{Role.STRATUM.value}'"):
        check_parameters(raw)


def test_public_columns_keep_their_names(raw):
    raw["codebook"]["flags"][0]["name"] = "short_record"
    with pytest.raises(ParameterError, match="'short_record'; public tables call it 'thin_record'"):
        check_parameters(raw)


def test_a_colour_can_be_taken_away(raw):
    put(raw, "segmentation.naming.personas.0.name", "Devotees")
    put(raw, "reporting.segment_colours.Devotees", "#0072B2")
    with pytest.raises(ParameterError, match="'Loyalists' is not declared"):
        check_parameters(raw)
    put(raw, "reporting.segment_colours.Loyalists", None)
    assert "Loyalists" not in check_parameters(raw).reporting.segment_colours


def test_without_personas_any_segment_may_have_a_colour(raw):
    put(raw, "segmentation.naming.personas", [])
    put(raw, "segmentation.naming.when_unmatched", "number")
    assert "Loyalists" in check_parameters(raw).reporting.segment_colours


def test_where_segments_are_numbered_their_names_are_known_only_later(raw):
    put(raw, "segmentation.naming.when_unmatched", "number")
    put(raw, "modelling.campaign.segment", "Segment 2")
    assert check_parameters(raw).modelling.campaign.segment == "Segment 2"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda raw: raw["codebook"]["fields"][3].update(scale="odd"), "codebook.fields[{}].scale"),
        (lambda raw: raw["modelling"]["models"]["lr"][0].update(C=-1), "models.lr[entry 1].C"),
    ],
)
def test_an_entry_of_a_list_is_told_by_its_name_or_place(raw, change, place):
    name = raw["codebook"]["fields"][3]["name"]
    change(raw)
    with pytest.raises(ParameterError) as caught:
        check_parameters(raw)
    assert place.format(name) in str(caught.value)
