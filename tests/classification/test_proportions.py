from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from customer_segmentation.classification.reliability import bound_shares


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("hits", "households"), [(0, 5), (5, 5), (109, 120), (1, 1), (40, 80)])
def test_the_interval_is_wilsons(hits, households, level):
    expected = binomtest(hits, households).proportion_ci(level, method="wilson")
    low, high = bound_shares(hits / households, households, level)
    assert (low, high) == (pytest.approx(expected.low, abs=1e-12), pytest.approx(expected.high))
    assert 0 <= low < high <= 1


def test_shares_without_households_have_no_interval():
    low, high = bound_shares([0.5, 0.0], [10, np.nan], 0.95)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True]
