"""What the tests of the typing tool share: labelled households, folds, parameters, small models."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_segmentation.classification.folds import assign_folds, list_folds, segment_folds
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.classification.source_study import predict_study_clusters
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.parameters import Parameters
from customer_segmentation.segments.segmenter import Segmenter, fit_segmenter
from customer_segmentation.segments.specification import Specification

CHOSEN = "buying_style.plain.kmeans"
CANDIDATES = pd.DataFrame({"specification": [CHOSEN], "k": [4], "chosen": [True]})


@pytest.fixture(scope="session")
def modelling(parameters: Parameters) -> ModellingParameters:
    """The modelling parameters of an ordinary run."""
    return parameters.modelling


@pytest.fixture(scope="session")
def small_modelling(modelling: ModellingParameters) -> ModellingParameters:
    """Two small settings per model, three folds in two repeats, one process."""
    raw = modelling.model_dump()
    raw["models"] = {name: grid[-2:] for name, grid in raw["models"].items()}
    for setting in (*raw["models"]["rf"], *raw["models"]["xgboost"]):
        setting["n_estimators"] = 15
    raw["validation"] |= {"folds": 3, "repeats": 2, "inner_folds": 3}
    raw["golden_questions"] |= {"most": 3, "repeats": 1}
    raw["intervals"]["resamples"] = 50
    raw["permutations"]["number"] = 19
    raw["processes"] = 1
    return ModellingParameters.model_validate(raw)


@pytest.fixture(scope="session")
def specification(parameters: Parameters) -> Specification:
    """The specification of the segments."""
    return parameters.segmentation.specifications(parameters.codebook)[CHOSEN]


@pytest.fixture(scope="session")
def _complete(_households: pd.DataFrame, _features: pd.DataFrame, codebook: Codebook):
    return _households.merge(_features, on=codebook.identifier)


@pytest.fixture(scope="session")
def segmenter(
    _complete: pd.DataFrame, specification: Specification, parameters: Parameters
) -> Segmenter:
    """The segmenter of an ordinary run."""
    codebook = parameters.codebook
    eligible = _complete[~_complete[codebook.column(Role.THIN_RECORD)]].reset_index(drop=True)
    return fit_segmenter(eligible, specification, 3, codebook, parameters.segmentation, 11)


@pytest.fixture(scope="session")
def _labelled(_complete: pd.DataFrame, segmenter: Segmenter, codebook: Codebook) -> pd.DataFrame:
    scores = segmenter.compute_scores(_complete, codebook).to_numpy()
    return _complete.assign(segment=segmenter.predict(scores))


@pytest.fixture
def labelled(_labelled: pd.DataFrame) -> pd.DataFrame:
    """All households with fields, derived variables, flags and their segment; a copy."""
    return _labelled.copy()


@pytest.fixture
def eligible(labelled: pd.DataFrame) -> pd.DataFrame:
    """The labelled households without thin records, numbered from 0."""
    return labelled[~labelled["thin_record"]].reset_index(drop=True)


@pytest.fixture(scope="session")
def _fold_segments(
    _labelled: pd.DataFrame,
    small_modelling: ModellingParameters,
    parameters: Parameters,
) -> pd.DataFrame:
    table, _ = segment_folds(
        _labelled,
        assign_folds(_labelled, small_modelling),
        CANDIDATES,
        parameters.codebook,
        parameters.segmentation,
        small_modelling,
    )
    return table


@pytest.fixture
def fold_segments(_fold_segments: pd.DataFrame) -> pd.DataFrame:
    """What the segmentation of each fold of `small_modelling` calls every household; a copy."""
    return _fold_segments.copy()


@pytest.fixture(scope="session")
def quick(modelling: ModellingParameters) -> ModellingParameters:
    """The published study with two folds in two repeats, few resamples, one process."""
    validation = modelling.validation.model_copy(update={"folds": 2, "repeats": 2})
    intervals = modelling.intervals.model_copy(update={"resamples": 50})
    update = {"validation": validation, "intervals": intervals, "processes": 1}
    return modelling.model_copy(update=update)


@pytest.fixture(scope="session")
def _answered(_households: pd.DataFrame, codebook: Codebook, quick: ModellingParameters):
    return predict_study_clusters(_households, codebook, quick)


def training_rows(labelled, fold_segments):
    """The segment of each training household of a single fold, under its index."""
    return list_folds(labelled, fold_segments)[0].labels
