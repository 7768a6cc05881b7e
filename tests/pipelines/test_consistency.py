"""No sentence of the report contradicts its table, whatever the data, the seed and the number of
segments; and the reader that says so catches what is planted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from customer_segmentation.parameters import check_parameters
from tests.conftest import ProjectRun, PurityProbe, open_session
from tests.pipelines.contradictions import find_contradictions


def run_otherwise(
    root: Any, seed: int, specification: str, segments: int, mailed: str
) -> ProjectRun:
    """The whole project on small budgets, with another seed and a pinned solution."""
    changed = {
        "data_root": root.as_posix(),
        "segmentation": {
            "random_state": seed,
            "choice": {"pin": {"specification": specification, "segments": segments}},
            "naming": {"when_unmatched": "number"},
        },
        "modelling": {"random_state": seed, "campaign": {"segment": mailed}},
    }
    open_session("test", **changed).run()
    context = open_session("test", **changed).load_context()
    parameters = check_parameters(context.config_loader["parameters"])
    return ProjectRun(root, context.catalog, PurityProbe(), parameters)


@pytest.fixture(scope="module")
def four_segments(project, tmp_path_factory) -> ProjectRun:
    """One segment more than there are personas, so that they are numbered."""
    root = tmp_path_factory.mktemp("four")
    return run_otherwise(root, 7, "buying_style.plain.kmeans", 4, "Segment 1")


@pytest.fixture(scope="module")
def two_segments(project, tmp_path_factory) -> ProjectRun:
    """A solution that the rule would not take, and that does not come back."""
    root = tmp_path_factory.mktemp("two")
    return run_otherwise(root, 11, "buying_style.plain.ward", 2, "Segment 2")


class ReadOnce:
    """A catalog that keeps what it has loaded, for many readings of one run."""

    def __init__(self, catalog: Any) -> None:
        self.load = cache(catalog.load)


@pytest.fixture(scope="module")
def ordinary_run(project_run) -> ProjectRun:
    """The run of all tests, with the personas' names."""
    return replace(project_run, catalog=ReadOnce(project_run.catalog))


@pytest.mark.parametrize("name", ["ordinary_run", "four_segments", "two_segments"])
def test_no_sentence_contradicts_its_table(request, name):
    run: ProjectRun = request.getfixturevalue(name)
    assert find_contradictions(run.load("segmentation_report"), run) == []


def test_the_runs_differ_in_what_there_is_to_tell(ordinary_run, four_segments, two_segments):
    pages = [run.load("segmentation_report") for run in (ordinary_run, four_segments, two_segments)]
    for words in ("The 3 segments are", "The 4 segments are", "The 2 segments are"):
        assert [words in page for page in pages].count(True) == 1
    assert "segments are constructive" in pages[2]
    assert "segments are constructive" not in pages[0] + pages[1]


NUMBERS = {
    "size": r"fall into 3 segments: .*?n\u00a0=\u00a0(\d+)\)",
    "share": r"fall into 3 segments: .*?\((\d+)%",
    "number of segments": r"The (3) segments are",
    "number of segments of a set": r"of (3) segments on average",
    "thin records": r"(\d+) as Loyalists",
    "steadiness": r"nine pairs in ten reach 0\.(\d+)",
    "silhouette": r"silhouette of these 3 segments, 0\.(\d+)",
    "households below zero": r"(\d+) households? \(\d+%\) with a silhouette",
    "households that move": r": (\d+) of \d+ households \(\d+%\) change segment",
    "households with a steady label": r"(\d+) households of \d+ \(\d+%\) get the same",
    "households astray on the map": r"alone, (\d+)% of the households lie nearer",
    "recipe": r"index with these 3 segments 0\.(\d+) to",
    "other recipes": r"0\.(\d+) for other choices",
    "mean of a rival": r"all: \d+%; [\w ]+: (\d+)%",
    "mean of the neighbour": r"the nearest segment, most in [^(]+\(\d+%[^)]*against (\d+)%",
    "mean": r"▲</span> *.*?(\d+)%",
    "links": r"(\d+) demographic links",
    "accuracy": r"Right for (\d+)\.\d%",
    "difference of accuracies": r"a difference of \+(\d+)\.",
    "log loss": r"XGBoost (?:saves|loses) 0\.(\d+) log loss",
    "p-value": r"on average\): p = 0\.(\d+)",
    "permutations": r"in (\d+) of \d+ permutations",
    "hits": r"mailed households (\d+)\.\d",
    "lift": r"; lift (\d)\.\d",
    "profit of everybody": r"mailing everybody yields [\d,]*?(\d\d\d) \(",
    "profit of a list": r"the best list mails \d+% and yields [\d,]*?(\d\d\d) \(",
    "profit that is advised": r"the likeliest \d+% yield [\d,]*?(\d\d\d) rupees",
    "lists that are worth it": r"best lists of (\d) of",
    "coverage": r"hold the true segment of (\d+)\.",
    "single names": r"a single one for (\d+)% \(",
    "groups that are missed": r"Of (\d+) groups",
    "golden questions": r"lowest log loss: (\d+)",
    "slices": r"(\d+) of \d+ slices? with a clear",
    "recall": r": finds (\d+)\.",
    "index": r"farthest apart in [\w ]+ \((\d+) to",
    "sample of a title": r"alt=\"Chart[^\"]*n\u00a0=\u00a0(\d+)",
    "agreement of specifications": r"other specifications: -?0\.(\d+) to",
    "range that was tried": r"Chart. By this specification steadiest of (2) to",
}
WORDS = {
    "verdict": ("reproducible, not natural", "natural"),
    "word for the silhouette": ("the structure is weak", "a strong structure has been found"),
    "steadier than nulls": ("chosen are no steadier than", "chosen are steadier than"),
    "nearest segment": ("differ from Variety Seekers", "differ from Promo Shoppers"),
    "largest segment": ("Chart. Variety Seekers: ", "Chart. Loyalists: "),
    "most stable segment": (
        "samples: highest for Loyalists",
        "samples: highest for Promo Shoppers",
    ),
    "segment that stays together": ("instead of 3: highest for ", "instead of 3: highest for No, "),
    "leader": ("Promo Shoppers clearly highest", "Loyalists clearly highest"),
    "leader in a title": ("of households: Promo Shoppers (", "of households: Variety Seekers ("),
    "side of a mean": ("▲", "▼"),
    "gain over the largest segment": (": better than always", ": not told apart from always"),
    "gain that is none": ("not told apart from always", "better than always"),
    "side of a title": ("; not demographics only", " and demographics only"),
    "claims of all": ("models does not clearly beat", "models does clearly beat"),
    "pair of models": (": not told apart; accuracy", ": better; accuracy"),
    "best model": ("By log loss it is not shown to be best", "By log loss it is shown to be best"),
    "lift that is chance": (
        ", not told apart from mailing at random. With",
        ", more than at random. With",
    ),
    "advice on mailing": ("No list of Promo", "Every list of Promo"),
    "claim that is quoted": ("is prediction", "is overlap"),
    "cell that is not filled": ("households fall into", "None households fall into"),
}


def change(html: str, pattern: str, new: Callable[[str], str]) -> str:
    """The page with the first place of a pattern's group changed."""
    match = re.search(pattern, html)
    assert match, f"the page does not say {pattern!r}"
    return html[: match.start(1)] + new(match[1]) + html[match.end(1) :]


@pytest.mark.parametrize("what", NUMBERS)
def test_a_wrong_number_is_found(ordinary_run, what):
    html = ordinary_run.load("segmentation_report")
    planted = change(html, NUMBERS[what], lambda shown: str(int(shown) + 3).zfill(len(shown)))
    assert find_contradictions(planted, ordinary_run) != []


@pytest.mark.parametrize("what", WORDS)
def test_a_wrong_word_is_found(ordinary_run, what):
    html = ordinary_run.load("segmentation_report")
    old, new = WORDS[what]
    planted = change(html, f"({re.escape(old)})", lambda _: new)
    assert find_contradictions(planted, ordinary_run) != []


def test_a_wrong_claim_is_found(ordinary_run):
    html = ordinary_run.load("segmentation_report")
    for name in ("Demographics only", "Whole panel record"):
        told = rf">(?:\s|</span>)*(prediction|assignment)</span>\s*{name}"
        planted = change(html, told, lambda _: "overlap")
        assert any("claim" in found for found in find_contradictions(planted, ordinary_run))


def test_a_persona_where_segments_are_numbered_is_found(four_segments):
    html = four_segments.load("segmentation_report")
    planted = html.replace("In new samples", "In new samples, like Loyalists,", 1)
    assert len(find_contradictions(planted, four_segments)) == 1


def test_the_page_of_other_data_contradicts_the_tables(ordinary_run, four_segments):
    html = four_segments.load("segmentation_report")
    assert len(find_contradictions(html, ordinary_run)) > 20
