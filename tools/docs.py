"""Write the generated parts of the docs, or check that they are up to date.

The data dictionary comes from the codebook, the figures of the README and of other pages from the
tables of the last full run: no figure is typed by hand.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext

    from customer_segmentation.figures.style import ReportingParameters
    from customer_segmentation.panel.codebook import (
        Codebook,
        DerivedVariable,
        Field,
        Group,
        Variable,
    )
    from customer_segmentation.parameters import Parameters

PROJECT = Path(__file__).parents[1]
STUDY = {"reproduction": "", "best": "On the study's own clusters: ", "strongest": "The same: "}
BLOCK = r"(<!-- {0}: .*? -->\n).*(<!-- end of {0} -->)"

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


def write_pages() -> dict[Path, str]:
    """Write every page that is generated, whole or in part, without saving it."""
    bootstrap_project(PROJECT)
    from customer_segmentation.parameters import check_parameters

    context = KedroSession.create(PROJECT).load_context()
    parameters = check_parameters(context.config_loader["parameters"])
    return {
        PROJECT / "docs" / "data-dictionary.md": write_dictionary(parameters.codebook),
        **_fill("README.md", "figures", "\n".join(_list_figures(context.catalog, parameters))),
        **_fill("docs/command-line.md", "summary", _show_summary(context.catalog)),
        **_fill("docs/how-to/make-a-mailing-list.md", "lists", _judge_lists(context, parameters)),
    }


def write_dictionary(codebook: Codebook) -> str:
    """Write the codebook as a page for people: fields, codes, identities, variables, formulas."""
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
    from customer_segmentation.panel.contract import describe_expected

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
    from customer_segmentation.panel.features import FORMULAS

    used = {formula for _, formula, _ in codebook.formulas}
    return [
        (f"`{name}`", (inspect.getdoc(formula) or "").partition("\n")[0])
        for name, formula in FORMULAS.items()
        if name in used
    ]


def _write_formula(name: str, of: Mapping[str, str]) -> str:
    arguments = ", ".join(f"{argument}={source}" for argument, source in of.items())
    return f"`{name}({arguments})`"


def _write_list(items: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {item}" for item in items) + "\n"] if items else []


def _fill(name: str, block: str, text: str) -> dict[Path, str]:
    """A page with the text between the two marks of a block."""
    path, marks = PROJECT / name, re.compile(BLOCK.format(block), re.DOTALL)
    page = path.read_text(encoding="utf-8")
    return {path: marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page)}


def _show_summary(catalog: CatalogProtocol[Any, Any]) -> str:
    from kedro.framework.project import pipelines

    from customer_segmentation.run_summary import summarise_run

    return f"```text\n{summarise_run(pipelines['__default__'].all_outputs(), catalog)}\n```"


def _judge_lists(context: KedroContext, parameters: Parameters) -> str:
    """What the quoted depth of each information set reaches, and what its best list yields."""
    from customer_segmentation.findings.campaign import (
        find_best_lists,
        find_depth,
        find_everybody,
        judge_list,
    )

    gains = context.catalog.load("campaign_gains")
    quoted = find_depth(gains, parameters.reporting.campaign_depth)
    best, everybody = find_best_lists(gains), find_everybody(gains)
    sizes = zip(quoted["hits"], quoted["mailed"], strict=True)
    segment, currency = quoted[["segment", "currency"]].iloc[0]
    beyond = [judge_list(row, everybody)[1] for row in best.to_dict("records")]
    shown: dict[str, Iterable[str]] = {
        "`information_set`": quoted["information_set"].map("`{}`".format),
        "claim": quoted["claim"],
        f"{segment} among the likeliest {quoted['depth'].iloc[0]:.0%}": [
            f"{hits:.1f} of {mailed}" for hits, mailed in sizes
        ],
        "times as many as at random": _with_interval(quoted, "lift", 2),
        "best list": best["depth"].map("{:.0%}".format),
        f"yields more or less, {currency}": beyond,
    }
    return _write_columns(shown)


def _list_figures(catalog: CatalogProtocol[Any, Any], parameters: Parameters) -> list[str]:
    from customer_segmentation.pipelines.reporting.sections.evidence import write_evidence
    from customer_segmentation.pipelines.reporting.sections.segments import write_summary
    from customer_segmentation.pipelines.reporting.sections.source_study import write_source_study

    def write(section: Callable[..., Any]) -> Any:
        # As in the pipeline: an argument has the name of the parameters or of the table.
        names = inspect.signature(section).parameters
        return section(
            **{
                name: getattr(parameters, name) if hasattr(parameters, name) else catalog.load(name)
                for name in names
            }
        )

    reporting, summary = parameters.reporting, write(write_summary)
    said, study = summary.sentences, write(write_source_study).sentences
    return [
        "## What the last full run found\n",
        f"- {said['sizes']}",
        f"- {said['verdict']} {said['steadiness']}",
        f"- {write(write_evidence).sentences['separation']}",
        f"- {said['claims']}",
        *(f"- {words}{study[name]}" for name, words in STUDY.items() if name in study),
        f"\nThe whole procedure on each information set, by {reporting.label(reporting.protocol)},",
        "with 95% intervals over households:\n",
        _write_accuracies(summary.tables["accuracies"], reporting),
    ]


def _write_accuracies(headline: pd.DataFrame, reporting: ReportingParameters) -> str:
    shown: dict[str, Iterable[str]] = {
        "what is known": headline["information_set"].map(reporting.label),
        "claim": headline["claim"],
        "households": headline["n"],
        "accuracy": _with_interval(headline, "accuracy"),
        "always the largest segment": headline["majority"].map("{:.3f}".format),
        "log loss saved over the segments' shares": _with_interval(headline, "log_loss_skill"),
    }
    return _write_columns(shown)


def _write_columns(columns: Mapping[str, Iterable[str]]) -> str:
    return _write_table(list(columns), zip(*columns.values(), strict=True))


def _write_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines) + "\n"


def _with_interval(table: pd.DataFrame, name: str, digits: int = 3) -> list[str]:
    columns = zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
    return [
        f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
        for value, low, high in columns
    ]


def main() -> int:
    """Save the pages, or with `--check` name those that are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is old")
    check = parser.parse_args().check
    pages = write_pages()
    old = [path for path, page in pages.items() if path.read_text(encoding="utf-8") != page]
    for path in old:
        if not check:
            path.write_text(pages[path], encoding="utf-8", newline="\n")
        print(f"{'out of date' if check else 'written'}: {path.relative_to(PROJECT)}")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
