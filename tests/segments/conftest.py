"""What the tests of the segments share: the eligible households and one fitted segmenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.parameters import Parameters
from customer_segmentation.pipelines.segmentation.nodes import (
    assign_segments,
    select_eligible_households,
)
from customer_segmentation.segments.segmenter import fit_segmenter
from customer_segmentation.segments.specification import SegmentationParameters


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
def segmenter(
    _eligible: pd.DataFrame, codebook: Codebook, segmentation: SegmentationParameters
) -> Pipeline:
    """The segmenter of the reference specification; not to be changed."""
    return fit_segmenter(_eligible, codebook, segmentation)


@pytest.fixture(scope="session")
def _segments(
    segmenter: Pipeline, _households: pd.DataFrame, _features: pd.DataFrame, codebook: Codebook
) -> pd.DataFrame:
    return assign_segments(segmenter, _households, _features, codebook)


@pytest.fixture
def segments(_segments: pd.DataFrame) -> pd.DataFrame:
    """The segment of every household; a copy that the test may change."""
    return _segments.copy()
