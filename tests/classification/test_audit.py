from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from customer_segmentation import tables
from customer_segmentation.classification.audit import (
    PENALTY,
    TREES,
    Claim,
    add_claims,
    audit_claims,
    claim_between,
    judge_claim,
    rebuild_scores,
    sets_claiming,
)
from customer_segmentation.classification.parameters import InformationSet
from customer_segmentation.classification.reliability import draw_weights
from customer_segmentation.panel.codebook import Codebook, Field, Scale
from customer_segmentation.segments.partition import Purpose, child_of, seed_for

COLUMNS = [
    "information_set",
    "score",
    "contained",
    "r2",
    "r2_low",
    "r2_high",
    "r2_purchases_low",
    "claim",
]


@pytest.fixture(scope="module")
def segment_scores(_labelled, segmenter, codebook):
    scores = segmenter.compute_scores(_labelled, codebook)
    scores.insert(0, "household_id", _labelled["household_id"])
    return scores.sample(frac=1, random_state=1)  # who is who is told by the identifier alone


@pytest.fixture(scope="module")
def audit(_labelled, segment_scores, segmenter, small_modelling, codebook):
    return audit_claims(_labelled, segment_scores, segmenter, small_modelling, codebook)


@pytest.fixture
def audit_of(labelled, segment_scores, segmenter, small_modelling, codebook):
    def audit_of(*fields, households=labelled, codebook=codebook):
        asked = InformationSet(name="asked", fields=fields)
        modelling = small_modelling.model_copy(update={"information_sets": (asked,)})
        return audit_claims(households, segment_scores, segmenter, modelling, codebook).set_index(
            "score"
        )

    return audit_of


@pytest.fixture
def claim_of(segmenter, codebook):
    formed = [name for names in segmenter.score_variables.values() for name in names]
    return lambda *fields: claim_between(formed, fields, codebook)


def raw_purchases(codebook):
    return [f.name for f in codebook.fields if codebook.is_from_purchases(f.name)]


def declare(codebook, *names):
    """A codebook that takes these columns for counts of the demographic record."""
    hidden = [
        Field(raw_name=name, name=name, label=name, group="demographics", scale=Scale.COUNT)
        for name in names
    ]
    parts = {name: getattr(codebook, name) for name in Codebook.model_fields}
    return Codebook(**parts | {"fields": (*codebook.fields, *hidden)})


# --- By provenance


def test_each_set_of_the_project_gets_its_claim(audit):
    claims = audit.groupby("information_set")["claim"].first().to_dict()
    assert claims == {
        "demographics": "prediction",
        "demographics_and_basis": "overlap",
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
    formed = {name for names in segmenter.score_variables.values() for name in names}
    assert claim_of(*formed) == "assignment"


@pytest.mark.parametrize(
    "column", ["share_dettol", "log_volume", "runs_per_brand", "total_value", "share_price_premium"]
)
def test_one_purchase_column_ends_prediction(claim_of, column):
    assert claim_of("demographics") == "prediction"
    assert claim_of("demographics", column) == "overlap"


def test_a_column_behind_a_score_is_no_prediction_wherever_it_comes_from(codebook):
    family = ["children", "household_size"]
    assert claim_between(family, ["children"], codebook) == "overlap"
    assert claim_between(family, ["homemaker_age"], codebook) == "prediction"


def test_the_published_study_overlaps_with_its_own_clusters(codebook, modelling):
    study = modelling.source_study
    fields = modelling.information_set(study.information_set).fields
    assert claim_between(study.segmentation_variables, fields, codebook) == "overlap"
    assert claim_between(study.segmentation_variables, ["demographics"], codebook) == "prediction"
    with_brands = [*fields, "brand_shares", "brands_bought", "brand_runs"]
    assert claim_between(study.segmentation_variables, with_brands, codebook) == "assignment"


# --- By computation


def test_r2_and_its_interval_by_another_route(eligible, segment_scores, small_modelling, codebook):
    fields = ["total_value", "homemaker_age", "share_dettol"]  # none is missing for anybody
    values = eligible[fields].astype("float64")
    names = ["loyalty", "usage_volume", "usage_frequency"]
    scores = eligible.merge(segment_scores, on="household_id")[names].to_numpy()
    rebuilt = rebuild_scores(values, scores, small_modelling, codebook)

    seed = seed_for(small_modelling.random_state, Purpose.AUDIT)
    cut = int(child_of(seed, 0).generate_state(1)[0])
    folds = KFold(small_modelling.audit.folds, shuffle=True, random_state=cut)
    sizes = [len(scores), small_modelling.intervals.resamples]
    drawn = draw_weights(*sizes, child_of(seed, 1)).astype(int)
    models = [make_pipeline(StandardScaler(), Ridge(PENALTY)), XGBRegressor(**TREES, n_jobs=1)]
    winners = set()
    for place, score in enumerate(scores.T):
        guesses = [cross_val_predict(model, values, score, cv=folds) for model in models]
        r2s = [r2_score(score, guess) for guess in guesses]
        winners.add(int(np.argmax(r2s)))
        best = guesses[int(np.argmax(r2s))]
        assert rebuilt.r2[place] == pytest.approx(max(r2s), abs=1e-5)
        resampled = [r2_score(np.repeat(score, w), np.repeat(best, w)) for w in drawn]
        ends = np.quantile(resampled, [0.025, 0.975])
        assert [rebuilt.low[place], rebuilt.high[place]] == pytest.approx(ends, abs=1e-5)
    assert winners == {0, 1}  # otherwise one of the regressions is not tested


def test_the_audit_shows_what_is_known_of_the_panel(audit):
    r2 = audit.set_index(["information_set", "score"])
    assert (r2.loc["panel_record", "r2"] > 0.99).all()
    # Larger households buy more; otherwise demographics tell little.
    assert 0.2 < r2.loc[("demographics", "usage_volume"), "r2"] < 0.5
    assert (r2.loc["demographics", "r2"].drop("usage_volume") < 0.15).all()
    # A brand fixes its price and its proposition.
    assert 0.4 < r2.loc[("demographics_and_basis", "loyalty"), "r2"] < 0.8
    bought = audit.set_index("information_set")["r2_purchases_low"].isna()
    assert bought["demographics"].all()
    assert not bought.drop("demographics").any()


def test_what_purchases_tell_is_told_by_purchases_alone(audit_of):
    alone = audit_of("total_value", "share_dettol")
    joined = audit_of("demographics", "total_value", "share_dettol")
    assert alone["r2_purchases_low"].equals(alone["r2_low"])
    assert joined["r2_purchases_low"].equals(alone["r2_low"])
    assert not joined["r2_low"].equals(alone["r2_low"])


DISGUISES = {
    "loyalty": np.exp,
    "deal_proneness": lambda score: (score + 10) ** 5,
    "usage_volume": lambda score: -np.tanh(score / 2),
    "usage_frequency": lambda score: score**3,
}


def test_a_hidden_twin_of_a_score_ends_prediction(audit_of, labelled, segment_scores, codebook):
    scores = labelled[["household_id"]].merge(segment_scores)
    for score, disguise in DISGUISES.items():
        hidden = labelled.assign(tickets=disguise(scores[score]))
        audit = audit_of(
            "demographics", "tickets", households=hidden, codebook=declare(codebook, "tickets")
        )
        assert not audit["contained"].any()  # provenance has been told lies
        assert audit["r2_purchases_low"].isna().all()
        assert audit.loc[score, "r2"] > 0.9
        assert set(audit["claim"]) == {"overlap"}


def test_hidden_twins_of_all_scores_are_an_assignment(audit_of, labelled, segment_scores, codebook):
    scores = labelled[["household_id"]].merge(segment_scores)
    twins = {f"hidden_{name}": disguise(scores[name]) for name, disguise in DISGUISES.items()}
    hidden = labelled.assign(**twins)
    audit = audit_of(*twins, households=hidden, codebook=declare(codebook, *twins))
    assert set(audit["claim"]) == {"assignment"}


def test_noise_changes_no_claim(audit_of, labelled, codebook):
    rng = np.random.default_rng(3)
    hidden = labelled.assign(noise=rng.normal(size=len(labelled)))
    extended = declare(codebook, "noise")
    for fields, claim in (
        (["noise"], "prediction"),
        (["demographics", "noise"], "prediction"),
        (["share_dettol", "noise"], "overlap"),
    ):
        audit = audit_of(*fields, households=hidden, codebook=extended)
        assert set(audit["claim"]) == {claim}
    assert audit["r2"].max() < 0.2


def test_only_eligible_households_count(audit_of, labelled):
    spoilt = labelled.copy()
    spoilt.loc[spoilt["thin_record"], "total_value"] = 1e9
    fields = ("homemaker_age", "total_value")
    pd.testing.assert_frame_equal(audit_of(*fields), audit_of(*fields, households=spoilt))


def test_no_input_is_changed_and_the_table_is_as_promised(
    labelled, segment_scores, segmenter, small_modelling, codebook, audit
):
    asked = InformationSet(name="asked", fields=("homemaker_age",))
    modelling = small_modelling.model_copy(update={"information_sets": (asked,)})
    before = labelled.copy(), segment_scores.copy()
    audit_claims(labelled, segment_scores, segmenter, modelling, codebook)
    pd.testing.assert_frame_equal(labelled, before[0])
    pd.testing.assert_frame_equal(segment_scores, before[1])
    assert list(audit.columns) == COLUMNS
    tables.CircularityAudit.validate(audit)
    assert (audit["r2_low"] <= audit["r2"]).all()
    assert (audit["r2"] <= audit["r2_high"]).all()


NONE = [np.nan, np.nan]


@pytest.mark.parametrize(
    ("by_provenance", "contained", "r2", "purchases", "claim"),
    [
        ("prediction", [False, False], [0.89, 0.3], NONE, "prediction"),
        ("prediction", [False, False], [0.90, 0.3], NONE, "overlap"),
        ("prediction", [False, False], [0.90, 0.95], NONE, "assignment"),
        ("overlap", [True, False], [1.0, 0.90], [1.0, 0.8], "assignment"),
        ("overlap", [True, False], [0.5, 0.89], [0.5, 0.8], "overlap"),
        ("overlap", [False, False], [-0.1, 0.0], [-0.2, -0.1], "overlap"),
        ("assignment", [True, True], [0.1, 0.2], [0.0, 0.1], "assignment"),
        ("prediction", [False, False], [0.3, 0.3], [0.10, 0.05], "prediction"),
        ("prediction", [False, False], [0.3, 0.3], [0.05, 0.11], "overlap"),
    ],
)
def test_the_rule_takes_the_humbler_word(
    by_provenance, contained, r2, purchases, claim, small_modelling
):
    judged = judge_claim(
        Claim(by_provenance), contained, np.array(r2), np.array(purchases), small_modelling.audit
    )
    assert judged == claim


# --- The words


def test_sets_are_listed_by_claim(audit):
    assert sets_claiming(audit, Claim.OVERLAP) == ["source_study", "demographics_and_basis"]
    assert sets_claiming(audit, Claim.ASSIGNMENT, Claim.PREDICTION) == [
        "panel_record",
        "demographics",
    ]
    assert sets_claiming(audit[audit["claim"] == "overlap"], Claim.PREDICTION) == []


def test_claims_are_put_into_every_row(audit):
    table = pd.DataFrame({"information_set": ["panel_record", "demographics"] * 2, "n": range(4)})
    before = table.copy()
    marked = add_claims(table, audit)
    assert marked["claim"].tolist() == ["assignment", "prediction"] * 2
    pd.testing.assert_frame_equal(marked.drop(columns="claim"), before)
    pd.testing.assert_frame_equal(table, before)


def test_the_words_are_those_of_the_public_tables():
    assert tuple(claim.value for claim in Claim) == tables.CLAIMS
