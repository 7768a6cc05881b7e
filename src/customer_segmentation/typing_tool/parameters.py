"""What a user may say about the typing tool, and the check that the codebook knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Self

from pydantic import Field, model_validator

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.configured import Configured, Seed

NO_PREDICTORS = frozenset({Scale.IDENTIFIER, Scale.FLAG})


class InformationSet(Configured):
    """What is known about a household when its segment is guessed.

    What a classifier on this set may claim is decided by the circularity audit; there is no key for
    it.

    Attributes:
        name: Name of the set, for tables.
        fields: Names of codebook groups, fields and derived variables.
    """

    name: str
    fields: tuple[str, ...] = Field(min_length=1)


class LogisticRegressionSettings(Configured):
    """Settings of scikit-learn's LogisticRegression, under its names.

    Attributes:
        C: Inverse strength of the L2 penalty.
        max_iter: Most steps of the optimiser.
    """

    C: float = Field(gt=0)
    max_iter: int = Field(ge=1)


class RandomForestSettings(Configured):
    """Settings of scikit-learn's RandomForestClassifier, under its names.

    Attributes:
        n_estimators: Number of trees.
        min_samples_leaf: Fewest training households in a leaf.
    """

    n_estimators: int = Field(ge=1)
    min_samples_leaf: int = Field(ge=1)


class XGBoostSettings(Configured):
    """Settings of XGBoost's XGBClassifier, under its names.

    Attributes:
        n_estimators: Number of boosting rounds.
        max_depth: Greatest depth of a tree.
        learning_rate: Part of each tree that is added.
        min_child_weight: Smallest sum of second derivatives in a leaf.
        subsample: Share of the training households drawn for each round.
        colsample_bytree: Share of the encoded columns drawn for each tree.
    """

    n_estimators: int = Field(ge=1)
    max_depth: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)
    min_child_weight: float = Field(ge=0)
    subsample: float = Field(gt=0, le=1)
    colsample_bytree: float = Field(gt=0, le=1)


class ModelSettings(Configured):
    """The settings of each classifier.

    Attributes:
        lr: Logistic regression.
        rf: Random forest.
        xgboost: Gradient boosted trees.
    """

    lr: LogisticRegressionSettings
    rf: RandomForestSettings
    xgboost: XGBoostSettings


class CrossValidation(Configured):
    """Repeated stratified k-fold cross-validation.

    Attributes:
        folds: Parts of the households, each tested once per repeat.
        repeats: New divisions into folds.
    """

    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)


class SourceStudy(Configured):
    """The protocol of a published study, to reproduce its claim.

    Attributes:
        random_state: The study's own seed.
        segmentation_variables: Measured fields, derived variables or groups that it clustered.
        segments: Number of k-means clusters.
        starts: Random starts of k-means.
        information_set: Name of the information set that holds its predictors.
        hold_out_share: Share of the households in its one test split, which is not stratified.
    """

    random_state: Seed
    segmentation_variables: tuple[str, ...] = Field(min_length=1)
    segments: int = Field(ge=2)
    starts: int = Field(ge=1)
    information_set: str
    hold_out_share: float = Field(gt=0, lt=1)


class ModellingParameters(Configured):
    """What a user may change about the typing tool.

    Attributes:
        random_state: Seed of every random step.
        processes: Worker processes; results do not depend on it.
        information_sets: What may be known about a household.
        models: Settings of the classifiers.
        hold_out_share: Share of the households that the stratified hold-out sets aside.
        cross_validation: Effort of the repeated cross-validation.
        source_study: The published protocol to reproduce; None skips it.
    """

    random_state: Seed
    processes: int = Field(ge=1)
    information_sets: tuple[InformationSet, ...] = Field(min_length=1)
    models: ModelSettings
    hold_out_share: float = Field(gt=0, lt=1)
    cross_validation: CrossValidation
    source_study: SourceStudy | None = None

    @model_validator(mode="after")
    def _names_are_known_once(self) -> Self:
        names = [information_set.name for information_set in self.information_sets]
        _refuse_repeated("information_sets", names)
        if self.source_study and self.source_study.information_set not in names:
            raise ValueError(
                f"source_study.information_set is {self.source_study.information_set!r}, but "
                f"information_sets has only {', '.join(names)}; correct one of them"
            )
        return self

    def information_set(self, name: str) -> InformationSet:
        """The information set with this name.

        Raises:
            KeyError: There is none.
        """
        return {each.name: each for each in self.information_sets}[name]

    def check(self, codebook: Codebook) -> None:
        """Refuse columns that no classifier or distance may use.

        Args:
            codebook: The panel's codebook.

        Raises:
            ValueError: A name is neither variable nor group of the codebook (the segment itself is
                neither), stands twice, is the identifier or a flag, or, where distances are
                measured, is a code; the message names the key.
        """
        for each in self.information_sets:
            _check_columns(f"information_sets.{each.name}.fields", each.fields, codebook)
        if self.source_study:
            key = "source_study.segmentation_variables"
            columns = _check_columns(key, self.source_study.segmentation_variables, codebook)
            if coded := [name for name in columns if codebook[name].scale.is_coded]:
                raise ValueError(
                    f"{key}: {coded[0]!r} holds codes, between which there is no distance; choose "
                    "a measured variable"
                )


def _check_columns(key: str, names: Iterable[str], codebook: Codebook) -> list[str]:
    try:
        columns = codebook.expand(names)
    except ValueError as error:
        raise ValueError(f"{key}: {error}; name a variable or a group of the codebook") from error
    _refuse_repeated(key, columns)
    for name in columns:
        if (scale := codebook[name].scale) in NO_PREDICTORS:
            raise ValueError(
                f"{key}: {name!r} is the {scale} of a record and says nothing about a household; "
                "remove it"
            )
    return columns


def _refuse_repeated(key: str, names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{key}: {repeated[0]!r} stands twice; remove one")
