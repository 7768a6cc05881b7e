"""What a user may say about the typing tool, and the check that the codebook knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from customer_segmentation.panel.codebook import Codebook, Scale
from customer_segmentation.panel.values import Configured, Seed

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]  # a key of tables
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]  # its inverse strength
NO_PREDICTORS = frozenset({Scale.IDENTIFIER, Scale.FLAG})


class InformationSet(Configured):
    """What is known about a household when its segment is guessed.

    What a classifier on this set may claim is decided by the circularity audit; there is no key for
    it.

    Attributes:
        name: Name of the set, for tables.
        fields: Names of codebook groups, fields and derived variables.
    """

    name: Name
    fields: tuple[str, ...] = Field(min_length=1)


class LogisticRegressionSettings(Configured):
    """A setting of scikit-learn's LogisticRegression, under its names.

    Attributes:
        C: Inverse strength of the L2 penalty.
        max_iter: Most steps of the optimiser.
    """

    C: Penalty
    max_iter: int = Field(ge=1)


class RandomForestSettings(Configured):
    """A setting of scikit-learn's RandomForestClassifier, under its names.

    Attributes:
        n_estimators: Number of trees.
        min_samples_leaf: Fewest training households in a leaf.
    """

    n_estimators: int = Field(ge=1)
    min_samples_leaf: int = Field(ge=1)


class XGBoostSettings(Configured):
    """A setting of XGBoost's XGBClassifier, under its names.

    Attributes:
        n_estimators: Number of boosting rounds.
        max_depth: Greatest depth of a tree.
        learning_rate: Part of each tree that is added.
        max_bin: Most values of a column that a split may fall between.
        min_child_weight: Smallest sum of second derivatives in a leaf.
        subsample: Share of the training households drawn for each round.
        colsample_bytree: Share of the encoded columns drawn for each tree.
    """

    n_estimators: int = Field(ge=1)
    max_depth: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)
    max_bin: int = Field(ge=2)
    min_child_weight: float = Field(ge=0, allow_inf_nan=False)
    subsample: float = Field(gt=0, le=1)
    colsample_bytree: float = Field(gt=0, le=1)


class ModelGrids(Configured):
    """The settings of each classifier that are tried, the simplest first.

    Attributes:
        lr: Logistic regression.
        xgboost: Gradient boosted trees.
        rf: Random forest.
    """

    lr: tuple[LogisticRegressionSettings, ...] = Field(min_length=1)
    xgboost: tuple[XGBoostSettings, ...] = Field(min_length=1)
    rf: tuple[RandomForestSettings, ...] = Field(min_length=1)


class Audit(Configured):
    """When a segmentation score counts as told by other columns.

    Attributes:
        rebuilt_from: Smallest out-of-fold R2 from which a score is taken as rebuilt.
        overlap_from: What the lower bound of the R2 from purchase columns must exceed for an
            overlap.
        folds: Folds of the regressions.
    """

    rebuilt_from: float = Field(gt=0, le=1)
    overlap_from: float = Field(ge=0, lt=1)
    folds: int = Field(ge=2)


class Validation(Configured):
    """Repeated, stratified, nested cross-validation, and a hold-out beside it.

    Attributes:
        folds: Outer folds: parts of the households, each tested once per repeat.
        repeats: New divisions into outer folds.
        inner_folds: Parts of the training households, by which settings and model are chosen,
            probabilities calibrated and conformal scores found.
        hold_out_share: Share of the households that the stratified hold-out sets aside.
        matched_jaccard: Smallest Jaccard coefficient with its reference from which a segment of a
            fold's own segmentation counts as found again.
    """

    folds: int = Field(ge=2)
    repeats: int = Field(ge=1)
    inner_folds: int = Field(ge=2)
    hold_out_share: float = Field(gt=0, lt=1)
    matched_jaccard: float = Field(gt=0, le=1)


class Intervals(Configured):
    """How intervals are found.

    Attributes:
        level: Share of cases in which an interval should hold the true value.
        resamples: Bootstrap samples of the households.
    """

    level: float = Field(gt=0, lt=1)
    resamples: int = Field(ge=1)


class Conformal(Configured):
    """Conformal sets of segments.

    Attributes:
        error_rate: Share of the households of a segment whose set may miss it.
        smallest_group: Fewest households for which a coverage is told on its own.
    """

    error_rate: float = Field(gt=0, lt=1)
    smallest_group: int = Field(ge=1)


class Permutations(Configured):
    """The test whether a prediction knows anything at all.

    Attributes:
        number: Permutations of the households' predictors.
        C: Inverse strength of the L2 penalty of the one logistic regression that is fitted.
    """

    number: int = Field(ge=1)
    C: Penalty


class GoldenQuestions(Configured):
    """The search for the few fields that do almost as well as all.

    Attributes:
        C: Inverse strength of the L2 penalty of the logistic regressions.
        most: Largest number of fields tried.
        repeats: Repeats of the outer folds that are used, at most `validation.repeats`.
    """

    C: Penalty
    most: int = Field(ge=1)
    repeats: int = Field(ge=1)


class Campaign(Configured):
    """A campaign to the households that most probably belong to one segment.

    Attributes:
        segment: Name of the success segment.
        information_set: What is known of the households on the mailing list.
        currency: Unit of cost and value, in the plural, as it is printed behind a sum.
        contact_cost: Cost of one contact.
        success_value: Value of reaching one household of the segment.
        depths: Shares of the households that might be mailed, ascending; the last is everybody,
            with whom every list is compared.
    """

    segment: str
    information_set: str
    currency: str = Field(min_length=1)
    contact_cost: Cost
    success_value: Cost
    depths: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(min_length=2)

    @field_validator("depths")
    @classmethod
    def _depths_ascend_to_everybody(cls, depths: tuple[float, ...]) -> tuple[float, ...]:
        if list(depths) != sorted(set(depths)):
            raise ValueError("depths must ascend without repetition; sort them")
        if depths[-1] != 1:
            raise ValueError("depths must end with 1, as lists are compared with mailing everybody")
        return depths


class Fairness(Configured):
    """The slices of households on which the typing tool is compared.

    Attributes:
        fields: Fields with codes, or groups of which those are taken; each code is a slice.
        smallest_group: Fewest households of a slice; smaller ones are joined.
    """

    fields: tuple[str, ...] = Field(min_length=1)
    smallest_group: int = Field(ge=1)


class FieldGroup(Configured):
    """Fields that say nearly the same, so that only their sum can be explained.

    Attributes:
        name: Name for tables.
        label: Name for people.
        fields: Fields, derived variables or codebook groups.
    """

    name: Name
    label: str = Field(min_length=1)
    fields: tuple[str, ...] = Field(min_length=1)


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
        audit: When a set tells a score.
        models: The settings of the classifiers that are tried.
        validation: Effort of the nested cross-validation, and the hold-out.
        intervals: How intervals are found.
        conformal: Error rate of the sets of segments.
        permutations: The test of the prediction sets.
        golden_questions: The search for short questionnaires.
        campaign: The campaign whose gains are counted.
        fairness: The slices compared.
        field_groups: Fields that are explained together.
        source_study: The published protocol to reproduce; None skips it.
    """

    random_state: Seed
    processes: int = Field(ge=1)
    information_sets: tuple[InformationSet, ...] = Field(min_length=1)
    audit: Audit
    models: ModelGrids
    validation: Validation
    intervals: Intervals
    conformal: Conformal
    permutations: Permutations
    golden_questions: GoldenQuestions
    campaign: Campaign
    fairness: Fairness
    field_groups: tuple[FieldGroup, ...] = ()
    source_study: SourceStudy | None = None

    @model_validator(mode="after")
    def _names_are_known_once(self) -> Self:
        names = [information_set.name for information_set in self.information_sets]
        _refuse_repeated("information_sets", names)
        _refuse_repeated("field_groups", [group.name for group in self.field_groups])
        used = {"campaign.information_set": self.campaign.information_set}
        if self.source_study:
            used["source_study.information_set"] = self.source_study.information_set
        for key, name in used.items():
            if name not in names:
                raise ValueError(
                    f"{key} is {name!r}, but information_sets has only {', '.join(names)}; correct "
                    "one of them"
                )
        return self

    @model_validator(mode="after")
    def _golden_repeats_exist(self) -> Self:
        if self.golden_questions.repeats > self.validation.repeats:
            raise ValueError(
                f"golden_questions.repeats is {self.golden_questions.repeats}, but "
                f"validation.repeats only {self.validation.repeats}; lower the first"
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
        grouped = [
            name
            for group in self.field_groups
            for name in _check_columns(f"field_groups.{group.name}.fields", group.fields, codebook)
        ]
        _refuse_repeated("field_groups", grouped)
        _check_columns("fairness.fields", self.fairness.fields, codebook)
        for name in self.fairness.fields:
            if not any(codebook[column].scale.is_coded for column in codebook.expand([name])):
                raise ValueError(
                    f"fairness.fields: {name!r} holds no codes, and only codes make slices; choose "
                    "a field with codes, or a group with some"
                )
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
