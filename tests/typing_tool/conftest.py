"""What the tests of the typing tool share: labelled households, parameters, small models."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.parameters import Parameters
from customer_segmentation.segments.segmenter import fit_segmenter
from customer_segmentation.typing_tool.parameters import ModellingParameters, ModelSettings


@pytest.fixture(scope="session")
def modelling(parameters: Parameters) -> ModellingParameters:
    """The modelling parameters of an ordinary run."""
    return parameters.modelling


@pytest.fixture(scope="session")
def settings(modelling: ModellingParameters) -> ModelSettings:
    """Models small enough for a test."""
    small = modelling.models.model_dump()
    small["rf"]["n_estimators"] = 15
    small["xgboost"]["n_estimators"] = 15
    return ModelSettings.model_validate(small)


@pytest.fixture(scope="session")
def _eligible(_households: pd.DataFrame, _features: pd.DataFrame, codebook: Codebook):
    return _households[~_features[codebook.column(Role.THIN_RECORD)]].reset_index(drop=True)


@pytest.fixture(scope="session")
def segmenter(_eligible: pd.DataFrame, parameters: Parameters) -> Pipeline:
    """The segmenter of an ordinary run."""
    codebook, segmentation = parameters.codebook, parameters.segmentation
    specification = segmentation.specifications(codebook)["buying_style.plain.kmeans"]
    return fit_segmenter(_eligible, specification, 3, codebook, segmentation)


@pytest.fixture
def labelled(_eligible: pd.DataFrame, segmenter: Pipeline) -> pd.DataFrame:
    """The eligible households with their segments; a copy that the test may change."""
    return _eligible.assign(segment=segmenter.predict(_eligible))
