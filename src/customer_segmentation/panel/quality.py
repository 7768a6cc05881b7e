"""What a careful reader should know about the data before using them, computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Origin, Role, Scale, same_name
from customer_segmentation.panel.features import (
    DataProcessingParameters,
    prepare_formula,
    take_columns,
)

ROUNDING = 0.001  # shares that add up to their total this closely were rounded, not wrong

# What each check found, in a sentence for people. Every fact has `rows`, `all` households, its
# `column` and its `value`, and the `label` of the column, or the labels of several.
NOTES = {
    "panel file": "The panel file is {source}, with {rows:,} households in {columns:,} columns.",
    "households": "The panel holds {rows} households.",
    "any field not stated": "{rows} households left at least one field unstated; "
    "no cell of the file is empty.",
    "blank record": "In {rows} households all {optional} fields that can be left unstated are: "
    "one missing record, not many facts.",
    "probably genuine although it can mean not stated": "{label}: {code} is probably a genuine "
    "value in {rows} of {all}, because other fields of the record are stated.",
    "not stated outside blank records": "{label}: not stated in {rows} of the {others}.",
    "thin record": "{rows} households have fewer than {minimum} transactions, too few to show a "
    "buying style; their shares are noisy.",
    "thin and blank record": "{rows} of the {blank} blank records are thin, against {thin} of the "
    "other {other}{sign}.",
    **{
        f"median transactions, {group} records": f"The median household among {group} records made "
        "{value:g} transactions."
        for group in ("all", "blank", "other")
    },
    "stratum size": "{label} {stratum}: {rows} households.",
    "identity not kept": "{label} differs from what its sources give in {rows} of {all}.",
    "only unlisted brands": "{rows} households buy no listed brand, so the lower bound of their "
    "loyalty is 0.",
    "only unlisted brands, several runs": "{rows} of them switched brands nevertheless: "
    "unlisted brands are not one brand.",
    "unlisted brands above every listed brand": "In {rows} households the unlisted brands together "
    "exceed the largest listed share, so loyalty is known only between two bounds.",
    "sum of shares off": "{label}: the shares add up to between {least:.3f} and {most:.3f}.",
    "exact zero": "{label}: exactly 0 in {rows} of {all} households.",
    "redundant pair": "{label} correlate at {value:.2f}: used together, one thing counts double.",
    "skewed": "{label} is skewed ({value:.1f}): {rows} of {all} households lie above the mean.",
    "ignored column": "Column {column} {state}; what it says is recomputed.",
}


class Fact(NamedTuple):
    """One result of one check.

    Attributes:
        check: What was looked for.
        column: Where: a clean column name, several joined by " / ", or a group.
        rows: In how many households it was found.
        value: The number measured, if the check measures one.
        said: What else the note of the check says.
    """

    check: str
    column: str
    rows: float
    value: float = np.nan
    said: Mapping[str, object] | None = None


def check_data_quality(
    raw: pd.DataFrame,
    households: pd.DataFrame,
    features: pd.DataFrame,
    codebook: Codebook,
    data_processing: DataProcessingParameters,
) -> pd.DataFrame:
    """Compute what a careful reader should know about the panel.

    Args:
        raw: The panel file as text; only its name, in `attrs["source"]`, and its column names are
            read.
        households: One row per household, not-stated codes as missing.
        features: One row per household: the identifier, every derived variable and flag.
        codebook: The panel's codebook.
        data_processing: From where on a correlation or a skewness is reported.

    Returns:
        One row per fact: `check`, `column`, `rows` (int64, households in which it was found),
        `share` of all households (float64, 0 to 1), `value` (float64, what was measured, missing
        where the check only counts) and `note`, a sentence for people.
    """
    panel = households.merge(features, on=codebook.identifier, validate="one_to_one")
    facts = [
        _name_file(raw, codebook),
        *_count_not_stated(panel, codebook),
        *_count_thin_records(panel, codebook, data_processing.minimum_transactions),
        *_count_strata(panel, codebook),
        *_check_identities(panel, codebook),
        *_check_unlisted_brands(panel, codebook),
        *_check_sums(panel, codebook),
        *_count_zeros(panel, codebook),
        *_find_redundant(panel, codebook, data_processing.redundant_correlation),
        *_find_skewed(panel, codebook, data_processing.strong_skewness),
        *_count_ignored_columns(raw, codebook),
    ]
    table = pd.DataFrame(facts, columns=Fact._fields).astype({"rows": "int64"})
    labels = {variable.name: variable.label for variable in codebook.variables}
    labels |= {group.name: group.label for group in codebook.groups}
    table["share"] = table["rows"] / len(panel)
    table["note"] = [_write_note(fact, labels, len(panel)) for fact in facts]
    return table[["check", "column", "rows", "share", "value", "note"]]


def _write_note(fact: Fact, labels: Mapping[str, str], households: int) -> str:
    names = fact.column.split(" / ")
    label = " and ".join(labels.get(name, name) for name in names)
    said = {**fact._asdict(), **(fact.said or {}), "label": label, "all": households}
    return NOTES[fact.check].format(**said)


def _name_file(raw: pd.DataFrame, codebook: Codebook) -> Fact:
    said = {"source": raw.attrs.get("source", "without a name"), "columns": raw.shape[1]}
    return Fact("panel file", codebook.identifier, len(raw), said=said)


def _count_not_stated(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    optional = [field for field in codebook.fields if field.blank_code is not None]
    unstated = panel[[field.name for field in optional]].isna().any(axis=1)
    flag = codebook.column(Role.BLANK_RECORD)
    blank = panel[flag]
    yield Fact("households", codebook.identifier, len(panel))
    yield Fact("any field not stated", codebook.identifier, unstated.sum())
    yield Fact("blank record", flag, blank.sum(), said={"optional": len(optional)})
    others = f"{(~blank).sum()} {'other ' if blank.any() else ''}records"
    for field in [] if blank.all() else optional:
        values, said = panel.loc[~blank, field.name], {"others": others, "code": field.blank_code}
        check, rows = "not stated outside blank records", values.isna()
        if field.not_stated is None:
            check = "probably genuine although it can mean not stated"
            rows = values == field.blank_code
        yield Fact(check, field.name, rows.sum(), said=said)


def _count_thin_records(panel: pd.DataFrame, codebook: Codebook, minimum: int) -> Iterator[Fact]:
    flags = [codebook.column(role) for role in (Role.THIN_RECORD, Role.BLANK_RECORD)]
    thin, blank = panel[flags[0]], panel[flags[1]]
    yield Fact("thin record", flags[0], thin.sum(), said={"minimum": minimum})
    groups = {"all": panel}
    if blank.any() and not blank.all():  # something to set side by side
        groups = {"blank": panel[blank], "other": panel[~blank]}
        is_sign = thin[blank].mean() > thin[~blank].mean()
        said = {
            "blank": blank.sum(),
            "thin": (thin & ~blank).sum(),
            "other": (~blank).sum(),
            "sign": ": a blank record is itself a sign" if is_sign else "",
        }
        yield Fact("thin and blank record", " / ".join(flags), (thin & blank).sum(), said=said)
    transactions = codebook.column(Role.TRANSACTIONS)
    for name, group in groups.items():
        median = float(group[transactions].astype("float64").median())
        yield Fact(f"median transactions, {name} records", transactions, len(group), median)


def _count_strata(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    field = codebook.field(codebook.column(Role.STRATUM))
    for code, label in field.codes.items():
        size = (panel[field.name] == code).sum()
        yield Fact("stratum size", field.name, size, code, {"stratum": label})


def _check_identities(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    for field in codebook.fields:
        if kept := field.identity:
            computation = prepare_formula(field.name, kept.formula, kept.of, codebook)
            columns = take_columns(panel, computation.sources)
            expected = kept.factor * computation.compute(columns)
            distance = (panel[field.name].astype("float64") - expected).abs()
            broken = (distance > kept.tolerance).sum()
            yield Fact("identity not kept", field.name, broken, distance.max())


def _check_unlisted_brands(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    roles = Role.OTHER_BRANDS_SHARE, Role.LOYALTY_LOW, Role.BRAND_RUNS
    names = [codebook.column(role) for role in roles]
    unlisted, listed, runs = (panel[name] for name in names)
    columns, only = " / ".join(names[:2]), listed == 0
    yield Fact("only unlisted brands", columns, only.sum())
    yield Fact("only unlisted brands, several runs", names[2], (runs[only] > 1).sum())
    yield Fact("unlisted brands above every listed brand", columns, (unlisted > listed).sum())


def _check_sums(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    for group in codebook.compositions:
        sums = panel[codebook.columns_of(group.name)].sum(axis=1)
        distance = (sums - (group.sums_to or 0.0)).abs()
        off, said = (distance > ROUNDING).sum(), {"least": sums.min(), "most": sums.max()}
        yield Fact("sum of shares off", group.name, off, distance.max(), said)


def _count_zeros(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    shares = [field.name for field in codebook.fields if field.scale == Scale.SHARE]
    for name in [*shares, codebook.column(Role.PROMOTION_SHARE)]:
        yield Fact("exact zero", name, (panel[name] == 0).sum())


def _find_redundant(panel: pd.DataFrame, codebook: Codebook, least: float) -> Iterator[Fact]:
    names = [*codebook.columns_from(Origin.PURCHASE), codebook.column(Role.LOYALTY_LOW)]
    correlations = panel[names].astype("float64").corr()
    for first, second in combinations(names, 2):
        r = correlations[first][second]
        if abs(r) >= least:
            yield Fact("redundant pair", f"{first} / {second}", len(panel), r)


def _find_skewed(panel: pd.DataFrame, codebook: Codebook, least: float) -> Iterator[Fact]:
    purchases = codebook.columns_from(Origin.PURCHASE)
    names = [name for name in purchases if codebook[name].scale != Scale.SHARE]
    skewnesses = panel[names].astype("float64").skew()
    for name, skewness in zip(names, skewnesses, strict=True):
        if abs(skewness) >= least:
            yield Fact("skewed", name, (panel[name] > panel[name].mean()).sum(), skewness)


def _count_ignored_columns(raw: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    found = set(map(same_name, raw.columns))
    for name in codebook.ignored_raw_names:
        rows = len(raw) if name in found else 0
        state = "is in the file and was not read" if rows else "is not in the file"
        yield Fact("ignored column", name, rows, said={"state": state})
