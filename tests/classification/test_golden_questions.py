from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from customer_segmentation import tables
from customer_segmentation.classification.parameters import InformationSet
from customer_segmentation.classification.selection import (
    INNER_FOLDS,
    find_golden_questions,
    select_forward,
)

COLUMNS = [
    "information_set",
    "claim",
    "n_fields",
    "fields",
    "field",
    "accuracy",
    "log_loss",
    "log_loss_se",
    "excess",
    "excess_se",
    "inclusion",
    "recommended",
]
NUMBERS = [
    "socio_economic_class",
    "homemaker_age",
    "homemaker_education",
    "household_size",
    "affluence_index",
]


@pytest.fixture(scope="module")
def find(_fold_segments, small_modelling, codebook):
    def find(households, *, folds=_fold_segments, most=3, repeats=1, claim="prediction", **sets):
        information_sets = tuple(InformationSet(name=n, fields=f) for n, f in sets.items())
        golden = small_modelling.golden_questions.model_copy(
            update={"most": most, "repeats": repeats}
        )
        modelling = small_modelling.model_copy(
            update={"information_sets": information_sets, "golden_questions": golden}
        )
        audit = pd.DataFrame({"information_set": list(sets), "score": "s", "claim": claim})
        return find_golden_questions(households, folds, audit, modelling, codebook)

    return find


@pytest.fixture(scope="module")
def _planted(_labelled):
    """Numbers without meaning, but for the last: the segment's number, blurred a little."""
    rng = np.random.default_rng(11)
    table = _labelled.assign(**{name: rng.normal(size=len(_labelled)) for name in NUMBERS})
    numbers = pd.factorize(table["segment"], sort=True)[0]
    return table.assign(affluence_index=numbers + rng.normal(scale=0.3, size=len(table)))


@pytest.fixture
def planted(_planted):
    return _planted.copy()


@pytest.fixture(scope="module")
def found(find, _planted):
    """What is found in the planted numbers."""
    return find(_planted, asked=NUMBERS)


def test_the_one_field_that_tells_is_found_first(found):
    assert found["n_fields"].tolist() == [1, 2, 3, 5]
    assert found["field"][0] == "affluence_index"
    assert found["inclusion"][0] == 1
    assert found["recommended"].tolist() == [True, False, False, False]
    assert found["fields"].tolist()[:2] == [
        "affluence_index",
        f"affluence_index, {found['field'][1]}",
    ]
    assert found["fields"].tolist()[3] == ", ".join(NUMBERS)
    assert found["field"].tolist()[3] == ""
    assert np.isnan(found["inclusion"].tolist()[3])


def test_a_field_that_adds_goes_before_one_that_repeats(find, planted):
    rng = np.random.default_rng(12)
    numbers = pd.factorize(planted["segment"], sort=True)[0]
    size = len(planted)
    repeated = planted["affluence_index"] + rng.normal(scale=0.02, size=size)
    households = planted.assign(
        homemaker_age=repeated,  # alone nearly as good as the best
        household_size=(numbers == 1) + rng.normal(scale=0.6, size=size),  # alone much worse
    )
    table = find(households, most=4, asked=NUMBERS)
    best, added = table["field"][:2]
    assert best in ("affluence_index", "homemaker_age")
    assert added == "household_size"


ROUGHLY = 5e-6  # the divisor n instead of n - 1 would be seen


def lose_by_household(households, fold_segments, fields, repeats, settings):
    """Log loss and hit of each eligible household, averaged over repeats: by scikit-learn alone."""
    wanted = (fold_segments["protocol"] == "nested_cv") & (fold_segments["repeat"] <= repeats)
    known = households.set_index("household_id")[fields].astype("float64")
    thin = households.loc[households["thin_record"], "household_id"]
    rows = []
    for _, fold in fold_segments[wanted].groupby(["repeat", "fold"]):
        kept = fold[~fold["household_id"].isin(thin)]
        training, tested = kept[~kept["tested"]], kept[kept["tested"]]
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=settings.C, tol=1e-9, max_iter=10_000)
        ).fit(known.loc[training["household_id"]], training["segment"])
        guesses = pd.DataFrame(
            model.predict_proba(known.loc[tested["household_id"]]), columns=model.classes_
        )
        truth = tested["segment"].tolist()
        losses = [-np.log(guesses.loc[i, name]) for i, name in enumerate(truth)]
        hits = (guesses.idxmax(axis=1) == truth).to_numpy()
        rows.append(pd.DataFrame({"id": tested["household_id"], "loss": losses, "hit": hits}))
    return pd.concat(rows).groupby("id").mean()


def test_figures_by_another_route(find, planted, fold_segments, small_modelling):
    table = find(planted, repeats=2, asked=NUMBERS)
    assert table["inclusion"][0] == 1  # every fold asks the same first
    settings = small_modelling.golden_questions
    first, every = (
        lose_by_household(planted, fold_segments, fields, 2, settings)
        for fields in (["affluence_index"], NUMBERS)
    )
    assert len(every) == (~planted["thin_record"]).sum()
    for row, answers in ((table.iloc[0], first), (table.iloc[3], every)):
        assert row["accuracy"] == pytest.approx(answers["hit"].mean(), abs=1e-9)
        assert row["log_loss"] == pytest.approx(answers["loss"].mean(), abs=ROUGHLY)
        assert row["log_loss_se"] == pytest.approx(answers["loss"].sem(), abs=ROUGHLY)
    excess = first["loss"] - every["loss"]
    assert table["excess"][0] == pytest.approx(excess.mean(), abs=ROUGHLY)
    assert table["excess_se"][0] == pytest.approx(excess.sem(), abs=ROUGHLY)
    assert table["excess"].tolist()[3] == table["excess_se"].tolist()[3] == 0


def test_each_step_takes_the_field_with_the_lowest_loss(planted, small_modelling, codebook):
    eligible = planted[~planted["thin_record"]]
    values = eligible[NUMBERS].astype("float64")
    numbers = pd.factorize(eligible["segment"], sort=True)[0]
    ranked = select_forward(values, numbers, small_modelling, codebook)
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=small_modelling.random_state)
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=small_modelling.golden_questions.C, tol=1e-9, max_iter=10_000),
    )

    def lose(fields):
        losses = cross_val_score(model, values[fields], numbers, cv=folds, scoring="neg_log_loss")
        return -losses.mean()

    chosen = []
    for _ in range(small_modelling.golden_questions.most):
        left = [name for name in NUMBERS if name not in chosen]
        chosen.append(min(left, key=lambda name: lose([*chosen, name])))
    assert ranked == chosen


def test_of_equal_fields_the_earlier_comes_first(planted, small_modelling, codebook):
    values = planted.loc[~planted["thin_record"], NUMBERS].astype("float64")
    values["household_size"] = values["affluence_index"]
    numbers = pd.factorize(planted.loc[values.index, "segment"], sort=True)[0]
    assert select_forward(values, numbers, small_modelling, codebook)[0] == "household_size"


def test_households_tested_have_no_say_in_what_is_asked(find, planted, fold_segments):
    """Those tested in the only fold are told by a field that tells nothing of the others."""
    rng = np.random.default_rng(4)
    numbers = pd.factorize(planted["segment"], sort=True)[0]
    only = fold_segments[
        (fold_segments["protocol"] == "nested_cv")
        & (fold_segments["repeat"] == 1)
        & (fold_segments["fold"] == 1)
    ].reset_index(drop=True)
    tested = planted["household_id"].isin(only.loc[only["tested"], "household_id"])
    households = planted.assign(
        household_size=planted["household_size"].mask(tested, 30.0 * (numbers - 1)),
        affluence_index=numbers + rng.normal(scale=4, size=len(planted)),
    )
    table = find(households, folds=only, most=1, asked=["household_size", "affluence_index"])
    # The list that is shown is fitted on all, the fold's own on those it may see.
    assert table["field"][0] == "household_size"
    assert table["inclusion"][0] == 0


def test_the_list_comes_from_the_reference_of_all_eligible_households(
    found, planted, small_modelling, codebook
):
    eligible = planted[~planted["thin_record"]]
    numbers = pd.factorize(eligible["segment"], sort=True)[0]
    values = eligible[NUMBERS].astype("float64")
    ranked = select_forward(values, numbers, small_modelling, codebook)
    assert found["field"].tolist() == [*ranked, ""]
    assert found["fields"][2] == ", ".join(ranked)


def test_inclusion_counts_the_folds_that_agree(find, planted, fold_segments):
    """Two of three folds see segments that another field tells."""
    households = planted.assign(
        household_size=np.random.default_rng(2).permutation(planted["affluence_index"])
    )
    order = households["household_size"].rank().to_numpy()
    names = np.unique(households["segment"])
    other = pd.Series(
        names[np.minimum((3 * (order - 1) / len(order)).astype(int), 2)],
        index=households["household_id"],
    )
    folds = fold_segments.copy()
    changed = folds["fold"].isin([1, 2])
    folds.loc[changed, "segment"] = folds.loc[changed, "household_id"].map(other)
    table = find(households, folds=folds, most=2, asked=NUMBERS)
    assert table["field"][0] == "affluence_index"
    assert table["inclusion"][0] == pytest.approx(1 / 3)


def test_a_set_of_one_field_has_one_row(find, planted):
    table = find(planted, asked=["affluence_index"])
    assert table["n_fields"].tolist() == [1]
    assert table["fields"].tolist() == ["affluence_index"]
    assert table["recommended"].tolist() == [True]
    assert table["inclusion"].isna().all()
    assert table["excess"].tolist() == [0]


def test_a_gain_within_its_error_is_not_worth_a_question(find, planted):
    rng = np.random.default_rng(8)
    numbers = pd.factorize(planted["segment"], sort=True)[0]
    weak = 0.5 * numbers + rng.normal(size=len(planted))
    table = find(planted.assign(household_size=weak), asked=NUMBERS)
    assert table["log_loss"].idxmin() > 0
    assert table["recommended"].tolist() == [True, False, False, False]
    # With more to gain, the second question is asked.
    table = find(
        planted.assign(household_size=numbers + rng.normal(size=len(planted))), asked=NUMBERS
    )
    assert table["recommended"].tolist() == [False, True, False, False]


def test_where_nothing_tells_one_question_is_enough(find, planted):
    table = find(planted, most=2, asked=NUMBERS[:4])
    assert table["recommended"].tolist() == [True, False, False]


def test_codes_and_missing_values_are_no_obstacle(find, labelled):
    table = find(labelled, most=2, asked=["mother_tongue", "children", "television"])
    assert table["n_fields"].tolist() == [1, 2, 3]
    assert table[["log_loss", "log_loss_se", "accuracy"]].notna().all(axis=None)


def test_two_segments_are_enough(find, planted, fold_segments):
    def join(names):
        return names.replace("Loyalists", "Variety Seekers")

    households = planted.assign(segment=join(planted["segment"]))
    folds = fold_segments.assign(segment=join(fold_segments["segment"]))
    table = find(households, folds=folds, asked=NUMBERS)
    assert table["log_loss"].between(0, np.log(2)).all()


def test_every_set_gets_its_claim_and_assignments_are_left_out(find, planted):
    sets = {"a": ["affluence_index", "homemaker_age"], "b": ["household_size"], "c": ["children"]}
    table = find(planted, claim=["overlap", "assignment", "prediction"], **sets)
    assert table[["information_set", "claim"]].drop_duplicates().to_numpy().tolist() == [
        ["a", "overlap"],
        ["c", "prediction"],
    ]
    assert table.groupby("information_set")["recommended"].sum().tolist() == [1, 1]
    alone = find(planted, claim="prediction", c=sets["c"])
    pd.testing.assert_frame_equal(table[table["claim"] == "prediction"], alone.set_axis([2]))
    assert list(table.columns) == COLUMNS
    tables.GoldenQuestions.validate(table)
    none = find(planted, claim="assignment", **sets)
    assert none.empty
    dtypes = {name: str(kind) for name, kind in table.dtypes.items() if name != "claim"}
    assert {name: str(none[name].dtype) for name in dtypes} == dtypes
    tables.GoldenQuestions.validate(none)


def test_only_the_repeats_that_are_asked_for_count(find, found, planted, fold_segments):
    first = fold_segments[fold_segments["repeat"] == 1]
    pd.testing.assert_frame_equal(found, find(planted, folds=first, asked=NUMBERS))
    assert find(planted, repeats=2, asked=NUMBERS)["log_loss"][0] != found["log_loss"][0]


def test_thin_records_play_no_part_and_no_input_is_changed(find, found, planted, fold_segments):
    before = planted.copy(), fold_segments.copy()
    pd.testing.assert_frame_equal(planted, before[0])
    pd.testing.assert_frame_equal(fold_segments, before[1])
    spoilt = planted.copy()
    spoilt.loc[spoilt["thin_record"], NUMBERS] = -99.0
    pd.testing.assert_frame_equal(found, find(spoilt, asked=NUMBERS), check_exact=True)
