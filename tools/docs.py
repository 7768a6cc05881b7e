"""Write the generated parts of the docs, or check that they are up to date.

The data dictionary comes from the codebook, the figures of the README from the tables of the last full
run: no figure is typed by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog

PROJECT = Path(__file__).parents[1]
FIGURES = re.compile(r"(<!-- figures: .*? -->\n).*(<!-- end of figures -->)", re.DOTALL)


def write_pages() -> dict[Path, str]:
    """Write every page that is generated, whole or in part, without saving it."""
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT) as session:
        context = session.load_context()
        return {
            PROJECT / "docs" / "data-dictionary.md": _dictionary(context.params),
            PROJECT / "README.md": _readme(context.catalog, context.params),
        }


def _dictionary(params: dict[str, object]) -> str:
    from customer_segmentation.panel.dictionary import write_dictionary
    from customer_segmentation.parameters import check_parameters

    return write_dictionary(check_parameters(params).codebook)


def _readme(catalog: DataCatalog, params: dict[str, object]) -> str:
    page = (PROJECT / "README.md").read_text(encoding="utf-8")
    figures = "\n".join(_figures(catalog, params))
    return FIGURES.sub(lambda found: f"{found[1]}{figures}\n{found[2]}", page)


def _figures(catalog: DataCatalog, params: dict[str, object]) -> list[str]:
    from customer_segmentation.findings import models, segments
    from customer_segmentation.parameters import check_parameters

    reporting = check_parameters(params).reporting
    sizes, candidates = catalog.load("segment_sizes"), catalog.load("segmentation_candidates")
    compared = models.compare_with_majority(catalog.load("classifier_metrics"), reporting.protocol)
    study = catalog.load("source_study_reproduction")
    return [
        "## What the last full run found\n",
        f"- {segments.summarise_sizes(sizes)}",
        f"- {segments.judge_steadiness(candidates, reporting.steady_from)}",
        f"- {models.summarise_claims(compared, reporting.labels)}",
        f"- {models.compare_with_published(study, reporting.published_accuracy)}\n",
        f"The most accurate model of each information set, by {reporting.label(reporting.protocol)}:\n",
        _table(compared, reporting.labels),
    ]


def _table(compared: pd.DataFrame, labels: dict[str, str]) -> str:
    shown = {
        "what the model sees": compared["information_set"].map(labels),
        "claim": compared["claim"],
        "model": compared["model"].map(labels),
        "households": compared["n"],
        "accuracy": compared["accuracy"].map("{:.3f}".format),
        "balanced accuracy": compared["balanced_accuracy"].map("{:.3f}".format),
        "always the largest segment": compared["majority"].map("{:.3f}".format),
    }
    rows = zip(*shown.values(), strict=True)
    lines = [shown, ["---"] * len(shown), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines) + "\n"


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
