"""The data dictionary: the codebook as a page for people."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence

from customer_segmentation.panel.codebook import Codebook, DerivedVariable, Field, Group, Variable
from customer_segmentation.panel.contract import describe_expected
from customer_segmentation.panel.features import FORMULAS

INTRODUCTION = """\
# Data dictionary

This page is generated: change `conf/base/globals_codebook.yml`, not this page, and run `make docs`.

**{panel}** ({category}). {source}

One row is one household. Columns are called by their clean names everywhere but in the panel file.
What the file calls "not stated" is a missing value in every table. In the file, spaces at the ends
of a column name and repeated spaces do not matter, and a share may be written `37.7%`.
"""

FIELD_HEADINGS = ("clean name", "in the file", "meaning", "scale", "unit", "accepted", "not stated")
VARIABLE_HEADINGS = ("clean name", "meaning", "scale", "unit", "computed as", "note")


def write_dictionary(codebook: Codebook) -> str:
    """Write the data dictionary of a panel.

    Args:
        codebook: The panel's codebook.

    Returns:
        A Markdown page: the fields of every group with what they accept, the codes with their
        labels, the identities and notes, the derived variables with their formulas, and the flags.
    """
    introduction = INTRODUCTION.format(
        panel=codebook.panel, category=codebook.category, source=codebook.source.strip()
    )
    groups = [_write_group(group, codebook) for group in codebook.groups]
    ignored = ", ".join(f"`{name}`" for name in codebook.ignored_raw_names)
    return "\n".join(
        [
            introduction,
            *groups,
            *([f"Ignored where a file has it: {ignored}.\n"] if ignored else []),
            "## Derived variables\n",
            _write_table(VARIABLE_HEADINGS, map(_describe_derived, codebook.derived)),
            "## Flags\n",
            _write_table(("clean name", "meaning", "note"), map(_describe_flag, codebook.flags)),
            "## Formulas\n",
            _write_table(("formula", "what it computes"), _describe_formulas(codebook)),
        ]
    )


def _write_group(group: Group, codebook: Codebook) -> str:
    fields = [codebook.field(name) for name in codebook.columns_of(group.name)]
    facts = [f"Group `{group.name}`, origin: {group.origin}."]
    if group.sums_to is not None:
        facts.append(f"The shares add up to {group.sums_to:g} within {group.tolerance:g}.")
    remarks = [remark for field in fields for remark in _describe_remarks(field)]
    table = _write_table(FIELD_HEADINGS, map(_describe_field, fields))
    return "\n".join([f"## {group.label}\n", " ".join(facts) + "\n", table, *_write_list(remarks)])


def _describe_field(field: Field) -> tuple[str, ...]:
    accepted = "the codes below" if field.codes else describe_expected(field)
    if field.not_stated is not None:
        not_stated = str(field.not_stated)
    elif field.not_stated_in_blank_record is not None:
        not_stated = f"{field.not_stated_in_blank_record}, in a blank record only"
    else:
        not_stated = ""
    place = f"`{field.raw_name}`"
    return f"`{field.name}`", place, field.label, field.scale, field.unit, accepted, not_stated


def _describe_remarks(field: Field) -> list[str]:
    remarks = []
    if field.codes:
        codes = "; ".join(f"{code} {label}" for code, label in field.codes.items())
        remarks.append(f"`{field.name}`: {codes}.")
    if field.identity:
        factor = "" if field.identity.factor == 1 else f"{field.identity.factor:g} x "
        formula = _write_formula(field.identity.formula, field.identity.of)
        tolerance = f"within {field.identity.tolerance:g}"
        remarks.append(
            f"`{field.name}` = {factor}{formula}, {tolerance}. {field.identity.exceptions}".strip()
        )
    if field.note:
        remarks.append(f"`{field.name}`: {field.note}")
    return remarks


def _describe_derived(variable: DerivedVariable) -> tuple[str, ...]:
    formula = _write_formula(variable.formula, variable.of)
    return (
        f"`{variable.name}`",
        variable.label,
        variable.scale,
        variable.unit,
        formula,
        variable.note,
    )


def _describe_flag(flag: Variable) -> tuple[str, ...]:
    return f"`{flag.name}`", flag.label, flag.note


def _describe_formulas(codebook: Codebook) -> list[tuple[str, ...]]:
    used = {variable.formula for variable in codebook.derived}
    used |= {field.identity.formula for field in codebook.fields if field.identity}
    return [
        (f"`{name}`", (inspect.getdoc(formula) or "").partition("\n")[0])
        for name, formula in FORMULAS.items()
        if name in used
    ]


def _write_formula(name: str, of: Mapping[str, str]) -> str:
    arguments = ", ".join(f"{argument}={source}" for argument, source in of.items())
    return f"`{name}({arguments})`"


def _write_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _write_list(items: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {item}" for item in items) + "\n"] if items else []
