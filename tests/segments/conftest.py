"""What the tests of the segments share: the eligible households and one fitted segmenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.parameters import Parameters
from customer_segmentation.pipelines.segmentation.nodes import (
    assign_segments,
    select_eligible_households,
)
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.segments.reliability import bootstrap_chosen_segments
from customer_segmentation.segments.segmenter import Segmenter, fit_segmenter
from customer_segmentation.segments.specification import Specification


@pytest.fixture(scope="session")
def segmentation(parameters: Parameters) -> SegmentationParameters:
    """The segmentation parameters of an ordinary run."""
    return parameters.segmentation


Change = Callable[..., SegmentationParameters]


@pytest.fixture
def change(segmentation: SegmentationParameters) -> Change:
    """The parameters with values replaced: a key is a path such as `specification__segments`."""

    def _change(**values: Any) -> SegmentationParameters:
        settings = segmentation.model_dump(mode="json")
        for path, value in values.items():
            *parents, last = path.split("__")
            place: Any = settings
            for key in parents:
                place = place[int(key) if isinstance(place, list) else key]
            place[int(last) if isinstance(place, list) else last] = value
        return SegmentationParameters.model_validate(settings)

    return _change


@pytest.fixture(scope="session")
def _eligible(
    _households: pd.DataFrame,
    _features: pd.DataFrame,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> pd.DataFrame:
    return select_eligible_households(_households, _features, codebook, segmentation)


@pytest.fixture
def eligible(_eligible: pd.DataFrame) -> pd.DataFrame:
    """The households that form the segments; a copy that the test may change."""
    return _eligible.copy()


@pytest.fixture(scope="session")
def specification(codebook: Codebook, segmentation: SegmentationParameters) -> Specification:
    """The specification that the rule chooses on this panel, at three segments."""
    return segmentation.specifications(codebook)["buying_style.plain.kmeans"]


@pytest.fixture(scope="session")
def segmenter(
    _eligible: pd.DataFrame,
    specification: Specification,
    codebook: Codebook,
    segmentation: SegmentationParameters,
) -> Segmenter:
    """The segmenter of that specification; not to be changed."""
    return fit_segmenter(_eligible, specification, 3, codebook, segmentation, 11)


Refit = Callable[..., Segmenter]


@pytest.fixture
def refit(codebook: Codebook, segmentation: SegmentationParameters) -> Refit:
    """Fit the same specification on other households, with other parameters or segments."""

    def _refit(
        households: pd.DataFrame,
        parameters: SegmentationParameters = segmentation,
        segments: int = 3,
    ) -> Segmenter:
        specification = parameters.specifications(codebook)["buying_style.plain.kmeans"]
        return fit_segmenter(households, specification, segments, codebook, parameters, 11)

    return _refit


Predict = Callable[[Segmenter, pd.DataFrame], npt.NDArray[np.str_]]


@pytest.fixture(scope="session")
def predict(codebook: Codebook) -> Predict:
    """Name the segment of each household."""
    return lambda segmenter, households: segmenter.predict(
        segmenter.compute_scores(households, codebook).to_numpy()
    )


@pytest.fixture(scope="session")
def few_pairs(segmentation: SegmentationParameters) -> SegmentationParameters:
    """The parameters of an ordinary run, with little effort for the evidence."""
    effort = {"pairs": 6, "screening_pairs": 3, "null_draws": 4, "null_pairs": 2}
    evidence = segmentation.evidence.model_copy(update={**effort, "gap_references": 2})
    return segmentation.model_copy(update={"evidence": evidence})


@pytest.fixture(scope="session")
def candidates(specification: Specification) -> pd.DataFrame:
    """A table of candidates in which that specification is chosen."""
    return pd.DataFrame({"specification": [specification.name], "k": [3], "chosen": [True]})


@pytest.fixture(scope="session")
def _bootstrapped(
    segmenter: Segmenter,
    candidates: pd.DataFrame,
    _households: pd.DataFrame,
    _eligible: pd.DataFrame,
    codebook: Codebook,
    few_pairs: SegmentationParameters,
) -> pd.DataFrame:
    return bootstrap_chosen_segments(
        segmenter, candidates, _households, _eligible, codebook, few_pairs
    )


@pytest.fixture
def bootstrapped(_bootstrapped: pd.DataFrame) -> pd.DataFrame:
    """The same segments found again on a few bootstrap samples; a copy."""
    return _bootstrapped.copy()


@pytest.fixture(scope="session")
def _segments(
    segmenter: Segmenter,
    _bootstrapped: pd.DataFrame,
    _households: pd.DataFrame,
    _features: pd.DataFrame,
    codebook: Codebook,
) -> pd.DataFrame:
    return assign_segments(segmenter, _bootstrapped, _households, _features, codebook)


@pytest.fixture
def segments(_segments: pd.DataFrame) -> pd.DataFrame:
    """The segment of every household; a copy that the test may change."""
    return _segments.copy()
