"""What a careful reader should know about the data before using them, computed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Field, Origin, Role, Scale, same_name
from customer_segmentation.panel.contract import (
    DataProcessingParameters,
    distance_from_total,
    expected_by_identity,
)

ROUNDING = 0.001  # shares that add up to their total this closely were rounded, not wrong


class Fact(NamedTuple):
    """One result of one check.

    Attributes:
        check: What was looked for.
        column: Where: a clean column name, several joined by " / ", or a group.
        rows: In how many households it was found.
        note: What it means, in a sentence for people.
        value: The number measured, if the check measures one.
    """

    check: str
    column: str
    rows: int
    note: str
    value: float = np.nan


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
        *_find_redundant_pairs(panel, codebook, data_processing.redundant_correlation),
        *_find_skewed_columns(panel, codebook, data_processing.strong_skewness),
        *_count_ignored_columns(raw, codebook),
    ]
    table = pd.DataFrame(facts, columns=Fact._fields)
    table = table.assign(share=table["rows"] / len(panel))
    return table[["check", "column", "rows", "share", "value", "note"]]


def _name_file(raw: pd.DataFrame, codebook: Codebook) -> Fact:
    source = raw.attrs.get("source", "without a name")
    note = f"The panel file is {source}, with {len(raw):,} households in {raw.shape[1]:,} columns."
    return Fact("panel file", codebook.identifier, len(raw), note)


def _count_not_stated(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    optional = [field for field in codebook.fields if field.blank_code is not None]
    flag = codebook.column(Role.BLANK_RECORD)
    blank = panel[flag]
    any_missing = int(panel[[field.name for field in optional]].isna().any(axis=1).sum())
    yield Fact(
        "households",
        codebook.identifier,
        len(panel),
        f"The panel holds {len(panel)} households.",
    )
    yield Fact(
        "any field not stated",
        codebook.identifier,
        any_missing,
        f"{any_missing} households left at least one field unstated; no cell of the file is empty.",
    )
    yield Fact(
        "blank record",
        flag,
        int(blank.sum()),
        f"In {blank.sum()} households all {len(optional)} fields that can be left unstated are: "
        "one missing record, not many facts.",
    )
    if blank.all():
        return
    for field in optional:
        yield _count_outside_blank(panel[field.name], field, blank)


def _count_outside_blank(values: pd.Series, field: Field, blank: pd.Series) -> Fact:
    if field.not_stated is None:
        zeros = int((values[~blank] == field.blank_code).sum())
        note = (
            f"{field.label}: {field.blank_code} is probably a genuine value in {zeros} of "
            f"{len(values)}, because other fields of the record are stated."
        )
        return Fact("probably genuine although it can mean not stated", field.name, zeros, note)
    missing = int(values[~blank].isna().sum())
    others = f"{(~blank).sum()} {'other ' if blank.any() else ''}records"
    note = f"{field.label}: not stated in {missing} of the {others}."
    return Fact("not stated outside blank records", field.name, missing, note)


def _count_thin_records(panel: pd.DataFrame, codebook: Codebook, minimum: int) -> Iterator[Fact]:
    thin = panel[codebook.column(Role.THIN_RECORD)]
    yield Fact(
        "thin record",
        str(thin.name),
        int(thin.sum()),
        f"{thin.sum()} households have fewer than {minimum} transactions, too few to show a "
        "buying style; their shares are noisy.",
    )
    blank = panel[codebook.column(Role.BLANK_RECORD)]
    if not blank.any() or blank.all():  # nothing to set side by side
        yield _measure_transactions(panel, "all", codebook)
        return
    is_sign = thin[blank].mean() > thin[~blank].mean()
    yield Fact(
        "thin and blank record",
        f"{thin.name} / {blank.name}",
        int((thin & blank).sum()),
        f"{(thin & blank).sum()} of the {blank.sum()} blank records are thin, against "
        f"{(thin & ~blank).sum()} of the other {(~blank).sum()}"
        f"{': a blank record is itself a sign' if is_sign else ''}.",
    )
    yield _measure_transactions(panel[blank], "blank", codebook)
    yield _measure_transactions(panel[~blank], "other", codebook)


def _measure_transactions(group: pd.DataFrame, label: str, codebook: Codebook) -> Fact:
    counts = group[codebook.column(Role.TRANSACTIONS)].astype("float64")
    median = float(counts.median())
    return Fact(
        f"median transactions, {label} records",
        str(counts.name),
        len(group),
        f"The median household among {label} records made {median:g} transactions.",
        median,
    )


def _count_strata(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    field = codebook.field(codebook.column(Role.STRATUM))
    for code, label in field.codes.items():
        size = int((panel[field.name] == code).sum())
        note = f"{field.label} {label}: {size} households."
        yield Fact("stratum size", field.name, size, note, code)


def _check_identities(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    for field in codebook.fields:
        if field.identity is None:
            continue
        expected = expected_by_identity(panel, field, codebook)
        distance = (panel[field.name].astype("float64") - expected).abs()
        broken = distance > field.identity.tolerance
        note = f"{field.label} differs from what its sources give in {broken.sum()} of {len(panel)}"
        yield Fact("identity not kept", field.name, int(broken.sum()), f"{note}.", distance.max())


def _check_unlisted_brands(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    unlisted = panel[codebook.column(Role.OTHER_BRANDS_SHARE)]
    listed = panel[codebook.column(Role.LOYALTY_LOW)]
    runs = panel[codebook.column(Role.BRAND_RUNS)]
    columns = f"{unlisted.name} / {listed.name}"
    only = listed == 0
    several = int((runs[only] > 1).sum())
    above = int((unlisted > listed).sum())
    yield Fact(
        "only unlisted brands",
        columns,
        int(only.sum()),
        f"{only.sum()} households buy no listed brand, so the lower bound of their loyalty is 0.",
    )
    yield Fact(
        "only unlisted brands, several runs",
        str(runs.name),
        several,
        f"{several} of them switched brands nevertheless: unlisted brands are not one brand.",
    )
    yield Fact(
        "unlisted brands above every listed brand",
        columns,
        above,
        f"In {above} households the unlisted brands together exceed the largest listed share, "
        "so loyalty is known only between two bounds.",
    )


def _check_sums(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    for group in codebook.compositions:
        sums = panel[codebook.columns_of(group.name)].sum(axis=1)
        distance = distance_from_total(sums, group)
        off = int((distance > ROUNDING).sum())
        note = f"{group.label}: the shares add up to between {sums.min():.3f} and {sums.max():.3f}."
        yield Fact("sum of shares off", group.name, off, note, distance.max())


def _count_zeros(panel: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    shares = [field.name for field in codebook.fields if field.scale == Scale.SHARE]
    for name in [*shares, codebook.column(Role.PROMOTION_SHARE)]:
        zeros = int((panel[name] == 0).sum())
        note = f"{codebook[name].label}: exactly 0 in {zeros} of {len(panel)} households."
        yield Fact("exact zero", name, zeros, note)


def _find_redundant_pairs(
    panel: pd.DataFrame, codebook: Codebook, threshold: float
) -> Iterator[Fact]:
    names = [*codebook.columns_from(Origin.PURCHASE), codebook.column(Role.LOYALTY_LOW)]
    correlations = panel[names].astype("float64").corr()
    for first, second in combinations(names, 2):
        r = correlations[first][second]
        if abs(r) >= threshold:
            note = (
                f"{codebook[first].label} and {codebook[second].label} correlate at {r:.2f}: "
                "used together, one thing counts double."
            )
            yield Fact("redundant pair", f"{first} / {second}", len(panel), note, r)


def _find_skewed_columns(
    panel: pd.DataFrame, codebook: Codebook, threshold: float
) -> Iterator[Fact]:
    names = [
        name
        for name in codebook.columns_from(Origin.PURCHASE)
        if codebook[name].scale != Scale.SHARE
    ]
    skewnesses = panel[names].astype("float64").skew()
    for name, skewness in zip(names, skewnesses, strict=True):
        if abs(skewness) < threshold:
            continue
        above = int((panel[name] > panel[name].mean()).sum())
        note = (
            f"{codebook[name].label} is skewed ({skewness:.1f}): "
            f"{above} of {len(panel)} households lie above the mean."
        )
        yield Fact("skewed", name, above, note, skewness)


def _count_ignored_columns(raw: pd.DataFrame, codebook: Codebook) -> Iterator[Fact]:
    found = set(map(same_name, raw.columns))
    for name in codebook.ignored_raw_names:
        rows = len(raw) if name in found else 0
        state = "is in the file and was not read" if rows else "is not in the file"
        yield Fact(
            "ignored column", name, rows, f"Column {name} {state}; what it says is recomputed."
        )
