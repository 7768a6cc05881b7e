"""What all other modules stand on: errors for people, and values that are configured or stored.

Values are frozen models, checked numbers, and JSON in one form.

The number types refuse text and truth values in a number's place, and what no fitted model holds.
JSON is equal to the byte where the values are equal.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    PlainSerializer,
)
from pydantic_core import core_schema


class ReadableError(Exception):
    """An error whose message says what is wrong, where, and what to do.

    The command line shows the message alone; every other exception is a bug and keeps its
    traceback.
    """


class HouseholdDataError(ReadableError):
    """A panel file, or a record, that is not what the codebook says; nothing of it is used."""


Row = TypeVar("Row", bound=Sequence[Any])

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what scikit-learn and XGBoost take


class Configured(BaseModel):
    """A configured value: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[str, Any]]]:
        """Pickle the values alone: pydantic adds a set, whose order differs between processes."""
        return type(self).model_validate, (self.model_dump(),)


def _refuse_infinite(value: float) -> float:
    if math.isinf(value):
        raise ValueError("a number is infinite")
    return value


def _refuse_ragged(rows: Row) -> Row:
    if len({len(row) for row in rows}) > 1:
        raise ValueError("the rows differ in length")
    return rows


def _refuse_other_sums(shares: Row) -> Row:
    if not math.isclose(total := math.fsum(shares), 1, abs_tol=1e-6):
        raise ValueError(f"the shares sum to {total:g}, not to 1")
    return shares


def refuse_repeated(values: Row) -> Row:
    """Pass values on that differ from one another; ValueError for others."""
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise ValueError(f"{repeated[0]!r} stands twice")
    return values


Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Finite, Field(gt=0)]
# Missing is null in JSON, which has no word for NaN, and NaN in Python.
Missable = Annotated[
    float,
    Field(strict=True),
    BeforeValidator(lambda value: math.nan if value is None else value),
    AfterValidator(_refuse_infinite),
    PlainSerializer(lambda value: None if math.isnan(value) else value, when_used="json"),
]
Numbers = tuple[Finite, ...]
Probabilities = tuple[Annotated[Finite, Field(ge=0, le=1)], ...]
Shares = Annotated[tuple[Positive, ...], AfterValidator(_refuse_other_sums)]
Names = Annotated[tuple[str, ...], AfterValidator(refuse_repeated)]

# One row after the other, of equal length.
_Rectangular = AfterValidator(_refuse_ragged)
Table = Annotated[tuple[Numbers, ...], Field(min_length=1), _Rectangular]
PositiveTable = Annotated[tuple[tuple[Positive, ...], ...], Field(min_length=1), _Rectangular]


def stored_as(form: Any, dtype: Any = "float64") -> GetPydanticSchema:
    """Let a field be an array that is checked and stored as plain numbers of a form."""
    import numpy as np

    def build(_: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        plain = core_schema.no_info_before_validator_function(
            lambda given: given.tolist() if isinstance(given, np.ndarray) else given, handler(form)
        )
        return core_schema.no_info_after_validator_function(
            lambda numbers: np.array(numbers, dtype=dtype),
            plain,
            serialization=core_schema.plain_serializer_function_ser_schema(np.ndarray.tolist),
        )

    return GetPydanticSchema(build)


def write_json(value: Any) -> bytes:
    """Write a value as JSON in one form: equal values give equal bytes.

    Keys keep their order, which pydantic's models give and in which a codebook's codes are shown.
    Numbers are as short as they can be while they are read back to the last bit.

    Args:
        value: Of dictionaries, lists, texts, numbers, truth values and None.

    Raises:
        ValueError: A number is infinite or NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{text}\n".encode()


def read_json(content: bytes) -> Any:
    """Read JSON as `write_json` writes it.

    Args:
        content: The bytes of a file.

    Returns:
        Dictionaries, lists, texts, numbers, truth values and None.

    Raises:
        ValueError: It is not UTF-8 or not JSON, a key stands twice in an object, a number is NaN or
            too long to be read, or the nesting is too deep.
    """
    try:
        return json.loads(
            content.decode(), object_pairs_hook=_join_pairs, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ValueError("the nesting is too deep") from None


def _join_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    joined = dict(pairs)
    if len(joined) < len(pairs):
        refuse_repeated([key for key, _ in pairs])
    return joined


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def to_row(values: Iterable[float]) -> Numbers:
    """Copy an array of one dimension into plain numbers."""
    return tuple(map(float, values))


def to_table(values: Iterable[Iterable[float]]) -> tuple[Numbers, ...]:
    """Copy an array of two dimensions into plain numbers."""
    return tuple(map(to_row, values))
