from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from customer_segmentation import tables
from customer_segmentation.classification import selection
from customer_segmentation.classification.models import SMALLEST
from customer_segmentation.classification.parameters import InformationSet
from customer_segmentation.classification.selection import (
    INNER_FOLDS,
    Split,
    encode_split,
    find_golden_questions,
    select_forward,
    split_folds,
)
from customer_segmentation.classification.validation import take_values
from customer_segmentation.segments.partition import Purpose, seed_for

FIELDS = ["mother_tongue", "children", "household_size", "affluence_index"]


@pytest.fixture
def values(labelled, modelling, codebook):
    return take_values(labelled, modelling.information_set("demographics"), codebook)


def test_folds_become_splits_of_eligible_households(labelled, fold_segments, small_modelling):
    splits = split_folds(labelled, fold_segments, repeats=2)
    folds = small_modelling.validation.folds
    assert len(splits) == 2 * folds + 1
    eligible = labelled.index[~labelled["thin_record"]]
    for repeat in range(2):
        mine = splits[repeat * folds : (repeat + 1) * folds]
        tested = np.concatenate([split.tested for split in mine])
        assert sorted(tested) == list(eligible)
        for split in mine:
            assert sorted([*split.training, *split.tested]) == list(eligible)
    *_, final = splits
    assert list(final.training) == list(eligible)
    assert final.tested.empty
    assert np.array_equal(final.numbers, pd.factorize(labelled["segment"], sort=True)[0][eligible])


def test_a_split_has_the_labels_of_its_own_fold(labelled, fold_segments):
    changed = fold_segments.copy()
    second = (changed["protocol"] == "nested_cv") & (changed["fold"] == 2)
    changed.loc[second, "segment"] = np.where(changed.loc[second, "tested"], "Z", "A")
    splits = split_folds(labelled, changed, repeats=1)
    assert set(splits[1].numbers) == {0}
    assert set(splits[1].truth) == {1}
    assert set(splits[0].numbers) == {0, 1, 2}


def test_answers_by_another_route(values, labelled, fold_segments, codebook):
    split = split_folds(labelled, fold_segments, repeats=1)[1]
    answers = encode_split(values, split, codebook).answer(FIELDS[1:], 0.1)
    children = pd.get_dummies(values["children"], dummy_na=True).astype(float)
    numbers = values[FIELDS[2:]]
    filled = numbers.fillna(numbers.loc[split.training].median())
    centred = filled - filled.loc[split.training].mean()
    scaled = centred / filled.loc[split.training].std(ddof=0)
    blank = numbers.isna().loc[:, numbers.loc[split.training].isna().any()].astype(float)
    encoded = np.column_stack([children, scaled, blank])
    model = LogisticRegression(C=0.1, tol=1e-9, max_iter=10_000)
    model.fit(encoded[split.training], split.numbers)
    guesses = model.predict_proba(encoded[split.tested])
    assert answers.losses.mean() == pytest.approx(log_loss(split.truth, guesses), abs=1e-4)
    assert answers.hits.mean() == accuracy_score(split.truth, guesses.argmax(axis=1))


def test_what_is_not_asked_plays_no_part(values, labelled, fold_segments, codebook):
    split = split_folds(labelled, fold_segments, repeats=1)[0]
    asked = FIELDS[:2]
    of_all = encode_split(values, split, codebook).answer(asked, 0.1)
    of_asked = encode_split(values[asked], split, codebook).answer(asked, 0.1)
    assert np.array_equal(of_all.losses, of_asked.losses)


def test_a_segment_nobody_trained_on_is_possible_but_costly(codebook):
    values = pd.DataFrame({"household_size": [1.0, 2.0, 3.0, 4.0, 5.0]})
    split = Split(
        pd.Index([0, 1, 2]), np.array([0, 2, 2]), pd.Index([3, 4]), np.array([1, 3], dtype=int)
    )
    answers = encode_split(values, split, codebook).answer(["household_size"], 1.0)
    assert answers.losses == pytest.approx([-np.log(SMALLEST)] * 2)
    assert not answers.hits.any()


def test_households_tested_teach_the_encoder_nothing(values, labelled, fold_segments, codebook):
    split = split_folds(labelled, fold_segments, repeats=1)[0]
    spoilt = values.copy()
    spoilt.loc[split.tested, "household_size"] = 1e6
    before, after = (encode_split(each, split, codebook) for each in (values, spoilt))
    assert np.array_equal(before.training, after.training)


QUESTION_COLUMNS = [
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
    assert list(table.columns) == QUESTION_COLUMNS
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


TEST_COLUMNS = [
    "information_set",
    "log_loss",
    "log_loss_permuted",
    "permutations",
    "p_value",
    "p_holm",
]


def declare(modelling, number, processes=1, **sets):
    """Parameters with these information sets, and an audit that takes all for predictions."""
    information_sets = tuple(InformationSet(name=n, fields=f) for n, f in sets.items())
    permutations = modelling.permutations.model_copy(update={"number": number})
    audit = pd.DataFrame({"information_set": list(sets), "score": "s", "claim": "prediction"})
    return audit, modelling.model_copy(
        update={
            "information_sets": information_sets,
            "permutations": permutations,
            "processes": processes,
        }
    )


@pytest.fixture
def permute(fold_segments, small_modelling, codebook):
    def permute(households, number=19, folds=fold_segments, processes=1, **sets):
        audit, modelling = declare(small_modelling, number, processes, **sets)
        return selection.test_predictions(households, folds, audit, modelling, codebook)

    return permute


def number_segments(labelled):
    return pd.Series(pd.factorize(labelled["segment"], sort=True)[0], labelled.index)


def test_a_copy_of_the_label_is_no_chance(permute, labelled):
    told = labelled.assign(affluence_index=number_segments(labelled))
    table = permute(told, copied=("affluence_index", "homemaker_age"))
    assert table["p_value"].tolist() == [1 / 20]
    assert table["log_loss"][0] < table["log_loss_permuted"][0] - 0.1


def test_noise_has_any_p_value(permute, labelled):
    rng = np.random.default_rng(5)
    p_values = []
    for _ in range(24):
        noise = labelled.assign(affluence_index=rng.normal(size=len(labelled)))
        p_values.append(permute(noise, number=9, noise=("affluence_index",))["p_value"][0])
    # Ten values are equally likely; 24 draws of them.
    assert 0.35 < np.mean(p_values) < 0.75
    assert np.mean(np.array(p_values) <= 0.1) < 0.35
    assert max(p_values) > 0.7


def test_losses_by_another_route(permute, labelled, fold_segments, small_modelling):
    fields = ["homemaker_age", "socio_economic_class"]  # none is missing for anybody
    table = permute(labelled, number=4, asked=tuple(fields))
    eligible = labelled[~labelled["thin_record"]].set_index("household_id")
    values = eligible[fields].astype("float64")

    def lose(known):
        folds = fold_segments[
            (fold_segments["protocol"] == "nested_cv") & (fold_segments["repeat"] == 1)
        ]
        losses = []
        for _, fold in folds.groupby("fold"):
            labels = fold.set_index("household_id").loc[known.index]
            training, tested = labels[~labels["tested"]], labels[labels["tested"]]
            model = make_pipeline(
                StandardScaler(),
                LogisticRegression(C=small_modelling.permutations.C, tol=1e-9, max_iter=9999),
            )
            model.fit(known.loc[training.index], training["segment"])
            guesses = model.predict_proba(known.loc[tested.index])
            losses.append(log_loss(tested["segment"], guesses, normalize=False))
        return sum(losses) / len(known)

    permuted = []
    for number in range(4):
        seed = seed_for(small_modelling.random_state, Purpose.PERMUTATION, number)
        order = np.random.default_rng(seed).permutation(len(values))
        permuted.append(lose(values.iloc[order].set_index(values.index)))
    observed = lose(values)
    assert table["log_loss"][0] == pytest.approx(observed, abs=1e-4)
    assert table["log_loss_permuted"][0] == pytest.approx(np.mean(permuted), abs=1e-4)
    assert table["p_value"][0] == (1 + sum(loss <= observed for loss in permuted)) / 5


def test_what_is_known_to_be_the_same_of_all_is_no_evidence(permute, labelled):
    constant = labelled.assign(affluence_index=7)
    assert permute(constant, same=("affluence_index",))["p_value"].tolist() == [1.0]


def test_holm_corrects_for_the_number_of_sets(permute, labelled):
    told = labelled.assign(
        affluence_index=number_segments(labelled),
        household_size=np.random.default_rng(1).normal(size=len(labelled)),
    )
    table = permute(
        told,
        first=("affluence_index",),
        second=("household_size",),
        third=("affluence_index", "household_size"),
    )
    p_values = table.set_index("information_set")["p_value"]
    assert p_values["first"] == p_values["third"] == 1 / 20
    assert table["p_holm"].tolist() == pytest.approx(
        [3 / 20, max(3 / 20, p_values["second"]), 3 / 20]
    )
    # A set's own figures do not depend on the other sets.
    alone = permute(told, second=("household_size",))
    assert alone["p_value"].tolist() == [p_values["second"]]
    assert alone["p_holm"].tolist() == [p_values["second"]]


def test_only_prediction_sets_are_tested(labelled, fold_segments, small_modelling, codebook):
    audit, modelling = declare(small_modelling, 3, a=("household_size",), b=("total_volume",))
    audit["claim"] = ["prediction", "overlap"]
    table = selection.test_predictions(labelled, fold_segments, audit, modelling, codebook)
    assert table["information_set"].tolist() == ["a"]
    assert list(table.columns) == TEST_COLUMNS
    tables.PermutationTests.validate(table)
    none = selection.test_predictions(
        labelled, fold_segments, audit.assign(claim="assignment"), modelling, codebook
    )
    assert none.empty
    assert none.dtypes.to_dict() == table.dtypes.to_dict()
    tables.PermutationTests.validate(none)


def test_neither_thin_records_nor_other_folds_play_a_part(permute, labelled, fold_segments):
    fields = ("household_size", "mother_tongue")
    table = permute(labelled, number=3, asked=fields)
    spoilt = labelled.copy()
    spoilt.loc[spoilt["thin_record"], list(fields)] = 3
    first = (fold_segments["protocol"] == "nested_cv") & (fold_segments["repeat"] == 1)
    again = permute(spoilt, number=3, folds=fold_segments[first], asked=fields)
    pd.testing.assert_frame_equal(table, again)


def test_processes_change_nothing_and_no_input_is_changed(permute, labelled, fold_segments):
    before = labelled.copy(), fold_segments.copy()
    tables = [
        permute(labelled, number=5, processes=processes, asked=("household_size", "children"))
        for processes in (1, 2)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    pd.testing.assert_frame_equal(labelled, before[0])
    pd.testing.assert_frame_equal(fold_segments, before[1])
