"""Made-up tables for any segments, as fixtures."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.font_manager import fontManager

from customer_segmentation.figures.style import ReportingParameters
from tests.figures import tables

NUMBERED = tuple(f"Segment {number}" for number in range(1, 9))


# The figures are laid out for the widths of the first; the wider second comes with matplotlib.
FONTS = ("Liberation Sans", "DejaVu Sans")


@pytest.fixture(scope="session", params=[f for f in FONTS if f in fontManager.get_font_names()])
def reporting(request: pytest.FixtureRequest) -> ReportingParameters:
    """The parameters of the report, in each font that is installed."""
    return tables.reporting().model_copy(update={"fonts": (request.param,)})


@pytest.fixture(params=[tables.PERSONAS, ("Segment 1", "Segment 2"), NUMBERED], ids=len)
def segments(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Names of segments: the personas, two numbers, eight numbers."""
    return request.param


@pytest.fixture
def members(segments: tuple[str, ...]) -> pd.DataFrame:
    """The eligible households with segment and features."""
    households = tables.household_segments(segments)
    eligible = households[~households["thin_record"]]
    return eligible.merge(tables.household_features(households), on="household_id")


@pytest.fixture
def profiles(segments: tuple[str, ...]) -> pd.DataFrame:
    """Profiles of the same households."""
    households = tables.household_segments(segments)
    return tables.segment_profiles(households, tables.household_features(households))
