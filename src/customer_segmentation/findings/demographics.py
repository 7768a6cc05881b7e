"""What the tables say about the link between segments and demographics."""

from __future__ import annotations

from typing import Any

import pandas as pd

from customer_segmentation.findings.wording import (
    counted,
    listing,
    lower_first,
    percent,
    sample,
    two_decimals,
)
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.segments.descriptors import LEVEL, adjust_residuals

OPENINGS = {
    "large": "Demographics and segments go together",
    "medium": "Demographics tell the segments apart to a medium degree",
    "small": "Demographics tell little about the segments",
    "negligible": "Demographics tell almost nothing about the segments",
}
RARER = "rarer codes"
NOTABLE = 2  # Friendly (1994), Mosaic displays for multi-way contingency tables: first shade


def select_tested(descriptors: pd.DataFrame) -> pd.DataFrame:
    """The rows of `segment_descriptors` that belong to the tested family."""
    return descriptors[descriptors["p_value"].notna()]


def select_levelled(descriptors: pd.DataFrame) -> pd.DataFrame:
    """The rows of `segment_descriptors` with the missing record in, which are not tested."""
    return descriptors[descriptors["p_value"].isna()]


def select_surviving(descriptors: pd.DataFrame) -> pd.DataFrame:
    """The rows of `segment_descriptors` that survive Holm's correction."""
    return descriptors[descriptors["p_holm"] <= LEVEL]


def judge_links(descriptors: pd.DataFrame) -> str:
    """Say how many links with the segments are beyond chance, and how strong these are.

    Args:
        descriptors: `segment_descriptors`; one row per descriptor and subset.

    Returns:
        One title with n, without the full stop.
    """
    tested, surviving = select_tested(descriptors), select_surviving(descriptors)
    low, high = tested["n"].min(), tested["n"].max()
    size = (
        sample(high) if low == high else f"n\u00a0=\u00a0{low:,}\u00a0to\u00a0{high:,} households"
    )
    family = counted(len(tested), "demographic link")
    if surviving.empty:
        return f"Not one of {family} with the segments is beyond chance ({_level()}); {size}"
    word = _largest_magnitude(surviving)
    return (
        f"{OPENINGS[word]}: {len(surviving)} of {family} "
        f"{'is' if len(surviving) == 1 else 'are'} beyond chance ({_level()}), the strongest "
        f"{word} by Cohen’s conventions; {size}"
    )


def name_surviving(descriptors: pd.DataFrame, codebook: Codebook) -> str:
    """Name the descriptors whose link survives Holm's correction, with effect, interval and p.

    Args:
        descriptors: `segment_descriptors`; one row per descriptor and subset.
        codebook: Names of descriptors.

    Returns:
        One sentence, the larger magnitude first; there is no order between measures.
    """
    surviving = order_by_magnitude(select_surviving(descriptors))
    family = counted(len(select_tested(descriptors)), "test")
    if surviving.empty:
        return f"No link survives Holm’s correction over {family}."
    parts = [
        f"{_name(row, codebook)} ({print_effect(row)}, {row['magnitude']}, {_print_p(row)})"
        for row in surviving.to_dict("records")
    ]
    return f"Links that survive Holm’s correction over {family}: {listing(parts)}."


def compare_with_missing(descriptors: pd.DataFrame, codebook: Codebook) -> str:
    """Say which links look different once the missing records count as a level of their own.

    Args:
        descriptors: `segment_descriptors`; one row per descriptor and subset.
        codebook: Names of descriptors.

    Returns:
        One sentence about changes of magnitude, without any test.
    """
    pair = select_tested(descriptors).merge(
        select_levelled(descriptors), on="descriptor", suffixes=("", "_levelled")
    )
    changed = pair[pair["magnitude"] != pair["magnitude_levelled"]]
    if changed.empty:
        return "With the missing records in, every link keeps its magnitude."
    parts = [_tell_change(row, codebook) for row in changed.to_dict("records")]
    others = "; every other link keeps its magnitude" if len(changed) < len(pair) else ""
    return f"With the missing records in, {listing(parts)}{others}."


def judge_missing_record(descriptors: pd.DataFrame, codebook: Codebook) -> str:
    """Say whether households without a demographic record fall into particular segments.

    Args:
        descriptors: `segment_descriptors`; one row per descriptor and subset.
        codebook: Which descriptor is the missing record.

    Returns:
        One sentence.
    """
    is_missing = descriptors["descriptor"] == codebook.column(Role.BLANK_RECORD)
    row = descriptors[is_missing].iloc[0]
    verdict = "goes" if row["p_holm"] <= LEVEL else "cannot be shown to go"
    return (
        f"That a demographic record is missing {verdict} with the segments "
        f"({print_effect(row)}, {_print_p(row)})."
    )


def print_effect(row: Any) -> str:
    """An effect on the scale of its convention with its interval: w = 0.18, 95% 0.09 to 0.28.

    Args:
        row: One row of `segment_descriptors`.

    Returns:
        Part of a sentence.
    """
    effect, low, high = (
        two_decimals(row[name]) for name in ("cohen_effect", "cohen_low", "cohen_high")
    )
    return f"{row['convention']}\u00a0=\u00a0{effect}, 95% interval {low} to {high}"


def print_digits(value: float) -> str:
    """A p-value with the two digits that count."""
    return f"{value:.2g}"


def order_by_magnitude(descriptors: pd.DataFrame) -> pd.DataFrame:
    """Sort links from large to negligible, then by measure, then by effect on its scale."""
    order = descriptors["magnitude"].map(list(OPENINGS).index)
    keys = descriptors.assign(order=order, least=-descriptors["cohen_effect"])
    ordered = keys.sort_values(["order", "convention", "least"], kind="stable")
    return ordered.drop(columns=["order", "least"])


def rank_descriptors(descriptors: pd.DataFrame, codebook: Codebook, number: int) -> list[str]:
    """The tested descriptors with codes that go with the segments most, the strongest first."""
    tested = select_tested(descriptors)
    coded = tested[[codebook[name].scale.is_coded for name in tested["descriptor"]]]
    ordered = coded.sort_values("cohen_effect", ascending=False, kind="stable")
    return list(ordered["descriptor"][:number])


def group_rare_codes(demographics: pd.DataFrame, smallest_share: float) -> pd.DataFrame:
    """Make one code of all codes that few households have, where a descriptor has several.

    Args:
        demographics: `segment_demographics`; one row per segment, variable and code.
        smallest_share: Codes with a smaller share of all households are rare.

    Returns:
        One row per segment, variable and label, the labels in the order of the codes and the rare
        ones last, under one label: `variable`, `segment`, `label`, `households`, `share`,
        `total_share`, `residual`.
    """
    parts = {
        name: _group(codes, smallest_share)
        for name, codes in demographics.groupby("variable", sort=False)
    }
    grouped: pd.DataFrame = pd.concat(parts, names=["variable"])
    return grouped.reset_index()


def _group(codes: pd.DataFrame, smallest_share: float) -> pd.DataFrame:
    rare = codes["total_share"] < smallest_share
    rare &= len(set(codes.loc[rare, "code"])) > 1
    labelled = codes.assign(label=codes["label"].mask(rare, RARER), rare=rare)
    ordered = labelled.sort_values("rare", kind="stable")
    sums = ["households", "share", "total_share"]
    grouped = ordered.groupby(["segment", "label"], sort=False)[sums].sum()
    counts = grouped.pivot_table(index="segment", columns="label", values="households")
    residuals = adjust_residuals(counts).melt(ignore_index=False).set_index("label", append=True)
    return grouped.assign(residual=residuals["value"])


def find_strongest_cell(demographics: pd.DataFrame, codebook: Codebook) -> str:
    """Name the code and segment that lie farthest from what independence would give.

    Args:
        demographics: Rows of `group_rare_codes` of the descriptors compared.
        codebook: Names of descriptors.

    Returns:
        One title with n, without the full stop.
    """
    distances = demographics["residual"].abs().fillna(0)
    row = demographics.iloc[int(distances.argmax())]
    own = demographics[demographics["variable"] == row["variable"]]
    everyone = sample(own["households"].sum())
    if distances.max() < NOTABLE:
        return (
            f"No code is notably more or less frequent in one segment: every residual lies between "
            f"-{NOTABLE} and {NOTABLE} ({everyone})"
        )
    stated = own.loc[own["segment"] == row["segment"], "households"].sum()
    return (
        f"What stands out most: {_title(row['variable'], codebook)}, {row['label']}, is "
        f"{percent(row['share'])} of {row['segment']} ({row['households']:,} of {stated:,} "
        f"households), {percent(row['total_share'])} of all ({everyone})"
    )


def _name(row: Any, codebook: Codebook) -> str:
    return _title(row["descriptor"], codebook)


def _tell_change(row: Any, codebook: Codebook) -> str:
    effect, levelled = map(two_decimals, (row["cohen_effect"], row["cohen_effect_levelled"]))
    return (
        f"the link with {_name(row, codebook)} goes from {row['magnitude']} to "
        f"{row['magnitude_levelled']} ({row['convention']}\u00a0=\u00a0{effect} to {levelled})"
    )


def _print_p(row: Any) -> str:
    return f"p\u00a0=\u00a0{print_digits(row['p_holm'])}"


def _title(name: str, codebook: Codebook) -> str:
    return lower_first(codebook[name].title)


def _level() -> str:
    return f"{percent(LEVEL)} after Holm’s correction"


def _largest_magnitude(descriptors: pd.DataFrame) -> str:
    return next(word for word in OPENINGS if word in set(descriptors["magnitude"]))
