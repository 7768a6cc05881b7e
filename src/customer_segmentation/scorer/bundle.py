"""The scoring bundle: the one way from what is known about a household to its segment."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from reprlib import repr as show

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.errors import ReadableError
from customer_segmentation.panel.features import check_formulas, derive_features
from customer_segmentation.scorer.champions import Champion
from customer_segmentation.scorer.segmenter import StoredSegmenter
from customer_segmentation.scorer.stored import refuse_repeated
from customer_segmentation.typing_tool.estimators import probability_column

_LARGEST = sys.float_info.max


class ScoringError(ReadableError):
    """A question that a bundle cannot answer."""


@dataclass(frozen=True, eq=False)
class ScoringBundle:
    """All that is needed to score a household.

    Attributes:
        codebook: What a household record is.
        segmenter: Names the segment of a household whose purchases are known.
        champions: The classifiers that guess it otherwise, in the order in which they are asked.
        libraries: Version of each library that the bundle was made with, by its name.
        version: Digest of all the above, which names the model; empty until the bundle is stored.

    Raises:
        ValueError: A variable is not in the codebook or cannot be computed, an information set has
            two champions, or a champion's segments are not those of the segmenter.
    """

    codebook: Codebook
    segmenter: StoredSegmenter
    champions: tuple[Champion, ...]
    libraries: dict[str, str]
    version: str = ""

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        check_formulas(self.codebook)
        self._list_fields(self.segmenter.variables)
        refuse_repeated([each.information_set for each in self.champions])
        for champion in self.champions:
            self._list_fields(champion.fields)
            if set(champion.segments) != set(self.segmenter.names):
                raise ValueError(
                    f"the champion of {champion.information_set!r} tells other segments than the "
                    "segmenter"
                )

    def assign(self, households: pd.DataFrame) -> pd.Series:
        """Name the segment of every household whose purchases are known.

        Args:
            households: One row per household with fields that have passed the contract
                (`panel.contract.find_problems`): whether a code or an amount is one that the
                codebook knows is not asked again. Fields and values may be missing.

        Returns:
            One name per household, under the same index; missing where a field that the segmenter
            needs is.

        Raises:
            ScoringError: A column stands twice, or holds something that is no finite number.
        """
        fields = self._list_fields(self.segmenter.variables)
        numbers = self._take_numbers(households, self.segmenter.variables)
        known = numbers.notna().reindex(columns=fields, fill_value=False).all(axis=1).to_numpy()
        names = np.full(len(households), None, dtype=object)
        if known.any():
            names[known] = self._restored_segmenter.predict(numbers[known])
        return pd.Series(names, index=households.index, name="segment", dtype="str")

    def predict(self, information_set: str, households: pd.DataFrame) -> pd.DataFrame:
        """Give every household a calibrated probability for each segment.

        Args:
            information_set: Name of a set that has a champion.
            households: One row per household with the fields behind the set, which have passed the
                contract as for `assign`; their values may be missing. A code that the contract
                accepts and training has not seen counts as none of those seen.

        Returns:
            One row per household, under the same index; one column per segment, named as
            `estimators.probability_column`; rows sum to 1.

        Raises:
            ScoringError: The set has no champion, a field behind it is not there, a column stands
                twice, or holds something that is no finite number.
        """
        champion = self.champion(information_set)
        needed = self._list_fields(champion.fields)
        if absent := [name for name in needed if name not in households]:
            raise ScoringError(
                f"The information set {information_set!r} needs {', '.join(absent)}. Give the "
                "households these columns, or use another set."
            )
        numbers = self._take_numbers(households, champion.fields)
        values = derive_features(numbers, self.codebook, champion.fields).astype("float64")
        return pd.DataFrame(
            champion.predict_proba(values),
            columns=list(map(probability_column, champion.segments)),
            index=households.index,
        )

    def champion(self, information_set: str) -> Champion:
        """The champion of an information set.

        Raises:
            ScoringError: The set has none.
        """
        champions = {each.information_set: each for each in self.champions}
        if information_set not in champions:
            raise ScoringError(
                f"The scoring bundle has no classifier for the information set {information_set!r},"
                f" only for: {', '.join(champions) or 'none'}. Ask for one that it has, or declare "
                "the set in modelling.information_sets and run `kedro run --pipelines modelling`."
            )
        return champions[information_set]

    @cached_property
    def _restored_segmenter(self) -> Pipeline:
        return self.segmenter.restore(self.codebook)

    def _take_numbers(self, households: pd.DataFrame, variables: Iterable[str]) -> pd.DataFrame:
        """Take the columns that can matter for some variables, as float64."""
        repeated = households.columns[households.columns.duplicated()]
        if len(repeated):
            raise ScoringError(f"The column {repeated[0]!r} stands twice. Leave one of them out.")
        derived = (variable.name for variable in self.codebook.derived)
        matter = {*self._list_fields(variables), *variables, *derived}
        taken = [name for name in households.columns if name in matter]
        return households[taken].apply(_read_numbers)

    def _list_fields(self, variables: Iterable[str]) -> list[str]:
        return sorted(set().union(*map(self.codebook.sources_of, variables)))


def _is_finite(value: object) -> bool:
    if not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(-_LARGEST <= value <= _LARGEST)


def _read_numbers(column: pd.Series) -> pd.Series:
    values = column.astype(object).where(column.notna(), np.nan)
    is_number = values.map(_is_finite)
    refused = values[~is_number.astype(bool) & column.notna()]
    if len(refused):
        raise ScoringError(
            f"The column {column.name!r} holds {show(refused.iloc[0])}, which is no finite number. "
            "Give it numbers, and leave missing what is not known."
        )
    return values.astype("float64")


def build_bundle(
    codebook: Codebook, segmenter: StoredSegmenter, champions: Sequence[Champion]
) -> ScoringBundle:
    """Put together what scores a household, and note the libraries that it was made with.

    Args:
        codebook: The panel's codebook.
        segmenter: The segmenter of all eligible households.
        champions: One per overlap or prediction set, in the order in which they shall be asked.
    """
    return ScoringBundle(codebook, segmenter, tuple(champions), list_libraries())


def list_libraries() -> dict[str, str]:
    """List the installed versions of this package and of the libraries that models come from."""
    import sklearn
    import xgboost

    import customer_segmentation

    return {
        module.__name__: module.__version__
        for module in (customer_segmentation, np, sklearn, xgboost)
    }
