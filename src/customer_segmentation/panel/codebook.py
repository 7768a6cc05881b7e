"""The codebook: the single source of what a household record is.

A codebook is written in YAML (`conf/<environment>/globals_codebook.yml`) and read into the models
of this module. The contract, the derived variables, the encoders, the labels of every chart and the
data dictionary ask it for columns by *role* (what a column means to a method) or by *group* (which
columns belong together), so that another panel is another codebook and no other code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field as Setting, model_validator

from customer_segmentation.panel.values import Configured


def same_name(name: str) -> str:
    """Reduce a column name to what counts: spaces at its ends and repeated spaces do not."""
    return " ".join(name.split())


RawName = Annotated[str, AfterValidator(same_name)]


class Role(StrEnum):
    """What a field or a derived variable means to a method that needs exactly one such column."""

    IDENTIFIER = "household identifier"
    STRATUM = "sampling stratum"
    BRAND_RUNS = "number of brand runs"
    TRANSACTIONS = "number of transactions"
    VOLUME = "purchased volume"
    VALUE = "amount paid"
    PRICE = "average price paid"
    FULL_PRICE_SHARE = "share bought without promotion"
    OTHER_BRANDS_SHARE = "share of all brands not listed"
    LOYALTY_LOW = "loyalty, lower bound"
    LOYALTY_HIGH = "loyalty, upper bound"
    REPEAT_RATE = "repeat purchase rate"
    PROMOTION_SHARE = "share bought on promotion"
    THIN_RECORD = "purchase history too short"
    BLANK_RECORD = "demographic record missing"


class Scale(StrEnum):
    """How the values of a column may be used.

    Differences of interval values mean something, quotients do not, as with logarithms.
    """

    IDENTIFIER = "identifier"
    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    COUNT = "count"
    INTERVAL = "interval"
    RATIO = "ratio"
    SHARE = "share"
    FLAG = "flag"

    @property
    def is_coded(self) -> bool:
        """Whether the values are codes with labels rather than measurements."""
        return self in (Scale.NOMINAL, Scale.ORDINAL)


class Origin(StrEnum):
    """Where the columns of a group come from; it decides what a classifier may claim."""

    IDENTITY = "identity"
    DEMOGRAPHIC = "demographic record"
    PURCHASE = "purchase record"


class Group(Configured):
    """Columns that belong together.

    Attributes:
        name: Name by which parameters and code ask for the group.
        label: Heading for people.
        origin: The record its columns come from.
        sums_to: What the shares of a household add up to; None when the group is no composition.
        tolerance: Largest accepted distance from `sums_to`.
    """

    name: str
    label: str
    origin: Origin
    sums_to: float | None = None
    tolerance: float = 0.0


class Variable(Configured):
    """What a raw field and a derived variable have in common.

    Attributes:
        name: Clean column name, used in every table.
        label: Name for people, in tables and charts.
        short_label: The same for narrow places; empty means `label`.
        scale: How the values may be used.
        role: What the column means to a method; None when no method asks for it.
        unit: Unit of the values; empty for codes and flags.
        note: What a careful reader should know.
    """

    name: str
    label: str
    short_label: str = ""
    scale: Scale
    role: Role | None = None
    unit: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        """The label that fits a narrow place."""
        return self.short_label or self.label


class Identity(Configured):
    """An arithmetic identity that a field keeps: field = factor * formula(of).

    Attributes:
        formula: Name of a function of `panel.features`.
        of: The columns or groups that fill the function's arguments.
        factor: Converts units, such as rupees per gram to rupees per 100 g.
        tolerance: Largest accepted distance, in the unit of the field.
        exceptions: Why a larger distance is only reported; empty means that it is refused.
    """

    formula: str
    of: dict[str, str]
    factor: float = 1.0
    tolerance: float = 0.01
    exceptions: str = ""


class Field(Variable):
    """One column of the panel file.

    Attributes:
        raw_name: Column name in the file, reduced by `same_name`.
        group: Name of its group.
        codes: Label of each accepted code; empty for measurements.
        minimum: Smallest accepted value; None means no limit.
        maximum: Largest accepted value; None means no limit.
        not_stated: Code that means "not stated"; it becomes missing.
        not_stated_in_blank_record: Value that means "not stated" only when every field with a
            `not_stated` code holds it, because alone it is probably genuine.
        identity: The identity with other fields that its values keep; None when there is none.
    """

    raw_name: RawName
    group: str
    codes: dict[int, str] = Setting(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    not_stated: int | None = None
    not_stated_in_blank_record: int | None = None
    identity: Identity | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        low, high = self.minimum, self.maximum
        if self.scale.is_coded != bool(self.codes):
            raise ValueError(
                f"field {self.name!r}: {self.scale} and {len(self.codes)} codes do not fit"
            )
        if self.codes and self.not_stated is not None and self.not_stated not in self.codes:
            raise ValueError(f"field {self.name!r}: not-stated code {self.not_stated} has no label")
        if low is not None and high is not None and low > high:
            raise ValueError(f"field {self.name!r}: minimum {low} exceeds maximum {high}")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are valid."""
        return self.scale.is_coded or self.scale in (Scale.COUNT, Scale.IDENTIFIER)

    @property
    def blank_code(self) -> int | None:
        """The value this field holds in a record that was never filled in, if there is one."""
        return self.not_stated if self.not_stated is not None else self.not_stated_in_blank_record


class DerivedVariable(Variable):
    """One variable computed from fields and from derived variables declared before it.

    Attributes:
        formula: Name of a function of `panel.features`.
        of: The columns or groups that fill the function's arguments.
        bounds: The variables between which the true value lies, the lower first, when the panel
            only partly identifies it; None when the variable is known exactly.
    """

    formula: str
    of: dict[str, str]
    bounds: tuple[str, str] | None = None


class Codebook(Configured):
    """Everything the project knows about the columns of one household panel.

    Attributes:
        panel: Name of the panel, for headings.
        source: Where the panel comes from and whose data it is.
        category: The product category that was bought.
        groups, fields, derived: The entries, in the order in which they are shown.
        flags: Facts about a record rather than its household, such as a history that is too short.
        ignored_raw_names: Columns some copies of the file carry; recomputed, never read.
    """

    panel: str
    source: str
    category: str
    groups: tuple[Group, ...]
    fields: tuple[Field, ...]
    derived: tuple[DerivedVariable, ...]
    flags: tuple[Variable, ...] = ()
    ignored_raw_names: tuple[RawName, ...] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        groups = {group.name for group in self.groups}
        for field in self.fields:
            if field.group not in groups:
                raise ValueError(f"field {field.name!r}: unknown group {field.group!r}")
        _refuse_duplicates("name", [*groups, *(v.name for v in self.variables)])
        _refuse_duplicates("raw name", [field.raw_name for field in self.fields])
        _refuse_duplicates("role", [v.role for v in self.variables if v.role is not None])
        known = {field.name for field in self.fields} | groups
        for field in self.fields:
            _refuse_unknown(field.name, field.identity.of.values() if field.identity else (), known)
        for variable in self.derived:
            _refuse_unknown(variable.name, variable.of.values(), known)
            _refuse_unknown(variable.name, variable.bounds or (), known - groups)
            known.add(variable.name)
        return self

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Every field, derived variable and flag, in order."""
        return (*self.fields, *self.derived, *self.flags)

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        return {variable.name: variable for variable in self.variables}

    @cached_property
    def _groups(self) -> dict[str, Group]:
        return {group.name: group for group in self.groups}

    @cached_property
    def _by_role(self) -> dict[Role, str]:
        return {v.role: v.name for v in self.variables if v.role is not None}

    def __contains__(self, name: object) -> bool:
        """Whether a field, derived variable or flag has this clean name."""
        return name in self._by_name

    def __getitem__(self, name: str) -> Variable:
        """The field, derived variable or flag with this clean name; ValueError without one."""
        if name not in self._by_name:
            raise ValueError(f"the codebook has no variable {name!r}")
        return self._by_name[name]

    def field(self, name: str) -> Field:
        """The raw field with this clean name; ValueError without one."""
        variable = self[name]
        if not isinstance(variable, Field):
            raise ValueError(f"{name!r} is derived, not a field of the panel file")
        return variable

    def column(self, role: Role) -> str:
        """Clean name of the column with this role; ValueError without one."""
        if role not in self._by_role:
            raise ValueError(f"the codebook gives no column the role {role.value!r}")
        return self._by_role[role]

    def group(self, name: str) -> Group:
        """The group with this name; ValueError without one."""
        if name not in self._groups:
            raise ValueError(f"the codebook has no group {name!r}")
        return self._groups[name]

    def columns_of(self, group: str) -> list[str]:
        """Clean names of the fields of a group, in order."""
        name = self.group(group).name
        return [field.name for field in self.fields if field.group == name]

    def columns_from(self, origin: Origin) -> list[str]:
        """Clean names of all raw fields that come from one record, in order."""
        return [f.name for f in self.fields if self.group(f.group).origin == origin]

    def expand(self, names: Iterable[str]) -> list[str]:
        """Replace groups by their columns and keep variables; ValueError for other names."""
        columns: list[str] = []
        for name in names:
            columns += self.columns_of(name) if name in self._groups else [self[name].name]
        return columns

    def sources_of(self, name: str) -> frozenset[str]:
        """The raw fields that a variable is computed from; a raw field is its own source."""
        variable = self[name]
        if not isinstance(variable, DerivedVariable):
            return frozenset({name})
        inputs = self.expand(variable.of.values())
        return frozenset().union(*(self.sources_of(column) for column in inputs))

    def bounds_of(self, name: str) -> tuple[str, str]:
        """The variables between which the true value lies; itself twice when known exactly."""
        variable = self[name]
        bounds = variable.bounds if isinstance(variable, DerivedVariable) else None
        return bounds or (name, name)

    def is_from_purchases(self, name: str) -> bool:
        """Whether any source of the variable stands in the purchase record."""
        return not self.sources_of(name).isdisjoint(self.columns_from(Origin.PURCHASE))

    @cached_property
    def identifier(self) -> str:
        """Clean name of the household identifier."""
        return self.column(Role.IDENTIFIER)

    @cached_property
    def formulas(self) -> list[tuple[str, str, dict[str, str]]]:
        """Each derived or implied column, its formula, and what fills the arguments."""
        derived = [(v.name, v.formula, v.of) for v in self.derived]
        kept = [(f.name, f.identity.formula, f.identity.of) for f in self.fields if f.identity]
        return [*derived, *kept]

    @cached_property
    def compositions(self) -> tuple[Group, ...]:
        """The groups whose shares must add up."""
        return tuple(group for group in self.groups if group.sums_to is not None)


def _refuse_duplicates(what: str, values: Iterable[object]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise ValueError(f"the codebook uses the {what} {str(repeated[0])!r} twice")


def _refuse_unknown(owner: str, inputs: Iterable[str], known: set[str]) -> None:
    if unknown := sorted(set(inputs) - known):
        raise ValueError(f"codebook entry {owner!r}: unknown input {unknown[0]!r}")
