from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation import tables
from customer_segmentation.segments.segmenter import score_variables
from customer_segmentation.typing_tool.audit import (
    Claim,
    add_claims,
    audit_information_sets,
    claim_between,
)
from customer_segmentation.typing_tool.parameters import InformationSet


@pytest.fixture
def claim_of(segmenter, codebook):
    def claim(*fields, scores=None):
        asked = InformationSet(name="asked", fields=fields)
        audit = audit_information_sets(scores or score_variables(segmenter), [asked], codebook)
        (claim,) = set(audit["claim"])
        return claim

    return claim


def raw_purchases(codebook):
    return [f.name for f in codebook.fields if codebook.is_from_purchases(f.name)]


def test_each_set_of_the_project_gets_its_claim(segmenter, codebook, modelling):
    audit = audit_information_sets(score_variables(segmenter), modelling.information_sets, codebook)
    claims = audit.groupby("information_set")["claim"].first().to_dict()
    assert claims == {
        "demographics": "prediction",
        "source_study": "overlap",
        "panel_record": "assignment",
    }
    contained = audit.set_index(["information_set", "score"])["contained"]
    assert contained["panel_record"].all()
    assert not contained["demographics"].any()
    # The study knows promotion shares, volume and transactions, but no brand.
    assert contained["source_study"].to_dict() == {
        "loyalty": False,
        "deal_proneness": True,
        "usage_volume": True,
        "usage_frequency": True,
    }


def test_raw_fields_alone_make_an_assignment(claim_of, codebook):
    assert claim_of(*raw_purchases(codebook)) == "assignment"


def test_without_one_source_of_one_score_it_is_overlap(claim_of, codebook):
    fields = [n for n in raw_purchases(codebook) if n != "brand_runs"]
    assert claim_of(*fields) == "assignment"  # transactions and transactions per run give it
    fields.remove("transactions_per_run")
    assert claim_of(*fields) == "overlap"


@pytest.mark.parametrize(
    "fields",
    [
        # No variable of a score, and no raw field of some; identities and totals give them all.
        [
            "brand_runs",
            "transactions_per_run",
            "total_value",
            "average_price",
            "share_banded_offer",
            "share_other_promotion",
            "brand_shares",
        ],
        # The middle of the bounds is not there, but both bounds are.
        [
            "brand_loyalty_low",
            "brand_loyalty_high",
            "repeat_rate",
            "repeat_opportunities",
            "promo_share",
            "log_volume",
            "log_transactions",
        ],
    ],
)
def test_what_rebuilds_every_score_is_an_assignment_in_any_disguise(claim_of, fields):
    assert claim_of(*fields) == "assignment"
    assert claim_of("demographics", *fields) == "assignment"
    for left_out in fields[:2]:
        assert claim_of(*(name for name in fields if name != left_out)) == "overlap"


def test_the_score_variables_themselves_make_an_assignment(claim_of, segmenter):
    variables = {name for names in score_variables(segmenter).values() for name in names}
    assert claim_of(*variables) == "assignment"


@pytest.mark.parametrize(
    "column", ["share_dettol", "log_volume", "runs_per_brand", "total_value", "share_price_premium"]
)
def test_one_purchase_column_ends_prediction(claim_of, column):
    assert claim_of("demographics") == "prediction"
    assert claim_of("demographics", column) == "overlap"


def test_a_column_behind_a_score_is_no_prediction_wherever_it_comes_from(claim_of):
    scores = {"family": ["children", "household_size"]}
    assert claim_of("children", scores=scores) == "overlap"
    assert claim_of("homemaker_age", scores=scores) == "prediction"


def test_the_published_study_overlaps_with_its_own_clusters(codebook, modelling):
    study = modelling.source_study
    fields = modelling.information_set(study.information_set).fields
    assert claim_between(study.segmentation_variables, fields, codebook) == "overlap"
    assert claim_between(study.segmentation_variables, ["demographics"], codebook) == "prediction"
    with_brands = [*fields, "brand_shares", "brands_bought", "brand_runs"]
    assert claim_between(study.segmentation_variables, with_brands, codebook) == "assignment"


def test_claims_are_put_into_every_row(segmenter, codebook, modelling):
    audit = audit_information_sets(score_variables(segmenter), modelling.information_sets, codebook)
    table = pd.DataFrame({"information_set": ["panel_record", "demographics"] * 2, "n": range(4)})
    before = table.copy()
    marked = add_claims(table, audit)
    assert marked["claim"].tolist() == ["assignment", "prediction"] * 2
    pd.testing.assert_frame_equal(marked.drop(columns="claim"), before)
    pd.testing.assert_frame_equal(table, before)


def test_the_words_are_those_of_the_public_tables():
    assert tuple(claim.value for claim in Claim) == tables.CLAIMS
