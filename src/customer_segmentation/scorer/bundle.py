"""The scoring bundle: all that is needed to score a household."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.folds import NESTED_CV
from customer_segmentation.classification.models import (
    FOREST,
    MAJORITY,
    PROCEDURE,
    XGBOOST,
    TunedClassifier,
    find_thresholds,
)
from customer_segmentation.classification.trees import Trees, list_boosted_trees, list_forest
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.contract import Rules
from customer_segmentation.panel.features import check_formulas
from customer_segmentation.panel.records import RecordReader
from customer_segmentation.panel.values import (
    Configured,
    Finite,
    Probabilities,
    refuse_repeated,
)
from customer_segmentation.scorer.routes import (
    Assignment,
    Champion,
    Evidence,
    Guess,
    LinearModel,
    Route,
)
from customer_segmentation.segments.segmenter import Segmenter


class Example(Configured):
    """A household that nobody is: the typical one of a segment.

    Attributes:
        segment: The segment.
        values: Every field but the identifier, by clean name, codes as the panel file has them.
        answers: For each information set the probabilities that its route gives the household, in
            the bundle's order of segments.
    """

    segment: str
    values: dict[str, Finite] = Field(min_length=1)
    answers: dict[str, Probabilities] = Field(min_length=1)


class ScoringBundle(Configured):
    """All that is needed to score a household.

    Attributes:
        libraries: Version of each library that the bundle was made with, by its name.
        codebook: What a household record is.
        segmenter: Names the segment of a household whose purchases are known.
        champions: The classifiers that predict it otherwise, in the order in which they are asked.
        examples: Typical households with their answers, by which a copy of the bundle is tested.
        version: Digest of all the above, which names the model; empty until the bundle is stored.

    Raises:
        ValueError: A variable is not in the codebook or cannot be computed from fields, an
            information set has two champions or the segmenter's name, a champion's segments are not
            those of the segmenter, a segment has two examples, or an example does not fit the
            others.
    """

    libraries: dict[str, str]
    codebook: Codebook
    segmenter: Segmenter
    champions: tuple[Champion, ...]
    examples: tuple[Example, ...] = ()
    version: str = ""

    @model_validator(mode="after")
    def _parts_belong_together(self) -> Self:
        check_formulas(self.codebook)
        refuse_repeated([route.information_set for route in self.routes])
        for champion in self.champions:
            if set(champion.segments) != set(self.segmenter.names):
                raise ValueError(
                    f"the champion of {champion.information_set!r} tells other segments than the "
                    "segmenter"
                )
        for route in self.routes:  # looks every variable up
            route.inputs  # noqa: B018
        return self

    @model_validator(mode="after")
    def _examples_fit(self) -> Self:
        refuse_repeated([each.segment for each in self.examples])
        fields = {field.name for field in self.codebook.fields} - {self.codebook.identifier}
        information_sets = {route.information_set for route in self.routes}
        for example in self.examples:
            if example.segment not in self.segments:
                raise ValueError(f"an example is of {example.segment!r}, which is no segment")
            if set(example.values) != fields:
                why = "holds other fields than the codebook"
            elif set(example.answers) != information_sets:
                why = "answers other information sets"
            elif any(len(answer) != len(self.segments) for answer in example.answers.values()):
                why = "has not one answer per segment"
            else:
                continue
            raise ValueError(f"the example of {example.segment!r} {why}")
        return self

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The segments, in the order of all answers."""
        return tuple(sorted(self.segmenter.names))

    @cached_property
    def transactions(self) -> int:
        """The position of the field by which purchases are counted."""
        return self.rules.position[self.codebook.column(Role.TRANSACTIONS)]

    @cached_property
    def rules(self) -> Rules:
        """What the codebook asks of a household."""
        return Rules(self.codebook)

    @cached_property
    def reader(self) -> RecordReader:
        """Reads records and tables of households."""
        return RecordReader(self.rules)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """The ways to an answer, in the order in which they are tried."""
        guesses = [Guess(each, self.rules, self.segments) for each in self.champions]
        return (Assignment(self.segmenter, self.rules, self.segments), *guesses)

    def replace(self, **parts: Any) -> Self:
        """Put other parts in the place of these, and check again that all belong together."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**kept, **parts})


def build_bundle(
    codebook: Codebook, segmenter: Segmenter, champions: Sequence[Champion]
) -> ScoringBundle:
    """Put together what scores a household, and note the libraries that it was made with.

    Args:
        codebook: The panel's codebook.
        segmenter: The segmenter of all eligible households.
        champions: One per overlap or prediction set, in the order in which they shall be asked.
    """
    import sklearn
    import xgboost

    import customer_segmentation

    modules = (customer_segmentation, np, sklearn, xgboost)
    return ScoringBundle(
        libraries={module.__name__: module.__version__ for module in modules},
        codebook=codebook,
        segmenter=segmenter,
        champions=tuple(champions),
    )


def extract_champion(
    information_set: str,
    claim: Claim,
    classifier: TunedClassifier,
    error_rate: float,
    evidence: Evidence | None = None,
) -> Champion:
    """Take from a tuned classifier all that is needed to score with it.

    Args:
        information_set: Name of its information set.
        claim: What its accuracy is evidence of.
        classifier: The champion, fitted on all eligible households.
        error_rate: Share of the households of a segment whose conformal set may miss it.
        evidence: How good its answers are, if that was measured.
    """
    numbers = classifier.numbers
    of_training = classifier.out_of_fold[np.arange(len(numbers)), numbers]
    thresholds = find_thresholds(of_training, numbers, len(classifier.segments), error_rate)
    return Champion(
        information_set=information_set,
        claim=claim,
        segments=tuple(classifier.segments),
        encoding=tuple(classifier.encoder.entries_),
        estimator=extract_estimator(classifier),
        shares=classifier.shares,
        temperature=classifier.temperature,
        thresholds=thresholds,
        evidence=evidence,
    )


def extract_estimator(classifier: TunedClassifier) -> LinearModel | Trees:
    """Take from a tuned classifier the numbers that its fitted estimator answers from."""
    fitted: Any = classifier.estimator
    if classifier.model == XGBOOST:
        return list_boosted_trees(fitted.classifier_.get_booster())
    if classifier.model == FOREST:
        return list_forest(fitted)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:  # of two segments, scikit-learn keeps the odds of the second
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.append(0.0, intercepts)
    return LinearModel(
        coefficients=coefficients, intercepts=intercepts, background=classifier.background
    )


def collect_evidence(
    information_set: str, classifier_metrics: pd.DataFrame, conformal_summary: pd.DataFrame
) -> Evidence:
    """Take from the tables of the modelling what is said of an information set.

    Args:
        information_set: Name of the set.
        classifier_metrics: One row per information set x model x protocol.
        conformal_summary: One row per information set x group of households.
    """
    of_set = classifier_metrics["information_set"] == information_set
    nested = classifier_metrics[of_set & (classifier_metrics["protocol"] == NESTED_CV)]
    by_model = nested.set_index("model")
    procedure: Any = by_model.loc[PROCEDURE]
    majority: Any = by_model.loc[MAJORITY]
    of_all = conformal_summary["group_by"] == "all"
    sets = conformal_summary[of_all & (conformal_summary["information_set"] == information_set)]
    return Evidence(
        households=int(procedure["n"]),
        accuracy=float(procedure["accuracy"]),
        accuracy_low=float(procedure["accuracy_low"]),
        accuracy_high=float(procedure["accuracy_high"]),
        majority=float(majority["accuracy"]),
        coverage=float(sets["coverage"].iloc[0]),
        set_size=float(sets["mean_set_size"].iloc[0]),
    )
