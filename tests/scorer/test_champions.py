"""What a champion carries beside its numbers: how good its answers are."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from customer_segmentation.classification.audit import Claim
from customer_segmentation.scorer.champions import Evidence, collect_evidence, extract_champion

FIGURES: dict[str, Any] = {
    "households": 543,
    "accuracy": 0.61,
    "accuracy_low": 0.55,
    "accuracy_high": 0.66,
    "majority": 0.58,
    "coverage": 0.9,
    "set_size": 1.75,
}


@pytest.fixture
def classifier_metrics() -> pd.DataFrame:
    """Figures of two sets, by two protocols and four models, no two of them alike."""
    keys = [
        (name, model, protocol)
        for name in ("demographics", "source_study")
        for protocol in ("holdout", "nested_cv")
        for model in ("procedure", "lr", "prior", "majority")
    ]
    table = pd.DataFrame(keys, columns=["information_set", "model", "protocol"])
    for at, name in enumerate(("n", "accuracy", "accuracy_low", "accuracy_high")):
        table[name] = [row / 100 + at / 10 for row in range(len(table))]
    return table.assign(n=range(500, 500 + len(table)))


@pytest.fixture
def conformal_summary() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "information_set": ["source_study", "demographics", "demographics"],
            "group_by": ["all", "segment", "all"],
            "coverage": [0.91, 0.92, 0.93],
            "mean_set_size": [1.1, 1.2, 1.3],
        }
    )


def test_evidence_is_of_the_set_s_procedure_by_nested_validation(
    classifier_metrics, conformal_summary
):
    evidence = collect_evidence("demographics", classifier_metrics, conformal_summary)
    assert evidence.model_dump() == {
        "households": 504,
        "accuracy": 0.04 + 0.1,
        "accuracy_low": 0.04 + 0.2,
        "accuracy_high": pytest.approx(0.04 + 0.3),
        "majority": pytest.approx(0.07 + 0.1),
        "coverage": 0.93,
        "set_size": 1.3,
    }
    other = collect_evidence("source_study", classifier_metrics, conformal_summary)
    assert (other.households, other.coverage) == (512, 0.91)


def test_evidence_comes_with_the_champion_or_not_at_all(fit):
    evidence = Evidence(**FIGURES)
    told = extract_champion("a set", Claim.PREDICTION, fit("lr", 3), 0.1, evidence)
    assert told.evidence == evidence
    assert extract_champion("a set", Claim.PREDICTION, fit("lr", 3), 0.1).evidence is None


@pytest.mark.parametrize(
    "spoilt",
    [
        *({"households": value} for value in (0, 1.5, "543", True)),
        *({name: 1.1} for name in FIGURES if name not in ("households", "set_size")),
        *({name: -0.1} for name in FIGURES),
        *({name: math.nan} for name in FIGURES),
        {"set_size": 0.9},
        {"set_size": math.inf},
        {"f1": 0.5},
    ],
    ids=str,
)
def test_what_cannot_have_been_measured_is_refused(spoilt):
    with pytest.raises(ValidationError, match="1 validation error"):
        Evidence.model_validate({**FIGURES, **spoilt})
