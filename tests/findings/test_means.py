"""Ranges of means: bounds come from the codebook, and only from variables that exist."""

from __future__ import annotations

import pytest

from customer_segmentation.findings.means import Mean, find_leader, is_beyond
from customer_segmentation.findings.wording import percent
from customer_segmentation.panel.codebook import Codebook


def mean(low: float, high: float, error: float = 0.0) -> Mean:
    return Mean(10, low, high, low - error, high + error, 0.5, 0.5)


def test_bounds_that_do_not_exist_are_refused(codebook):
    declared = codebook.model_dump()
    partly = next(entry for entry in declared["derived"] if entry["bounds"])
    partly["bounds"] = ("nothing", partly["bounds"][1])
    with pytest.raises(ValueError, match="unknown input 'nothing'"):
        Codebook.model_validate(declared)


def test_what_is_known_exactly_is_bounded_by_itself(codebook):
    assert codebook.bounds_of(codebook.identifier) == (codebook.identifier, codebook.identifier)


def test_one_mean_lies_beyond_another_only_with_its_error():
    assert is_beyond(mean(0.6, 0.7), mean(0.3, 0.5), 1)
    assert is_beyond(mean(0.3, 0.5), mean(0.6, 0.7), -1)
    assert not is_beyond(mean(0.6, 0.7), mean(0.3, 0.5), -1)
    assert not is_beyond(mean(0.6, 0.7, 0.1), mean(0.3, 0.5), 1)


def test_a_leader_is_clear_of_all_others():
    assert find_leader({"A": mean(0.6, 0.7), "B": mean(0.3, 0.5)}, percent) == "A"
    assert find_leader({"A": mean(0.6, 0.7), "B": mean(0.1, 0.65)}, percent) is None
    assert find_leader({"A": mean(0.6, 0.7)}, percent) is None
