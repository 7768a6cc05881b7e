from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from customer_segmentation import tables
from customer_segmentation.classification import selection
from customer_segmentation.classification.parameters import InformationSet
from customer_segmentation.segments.partition import Purpose, seed_for

COLUMNS = [
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
    assert list(table.columns) == COLUMNS
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
