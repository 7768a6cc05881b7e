"""Finds what a report says against its own tables.

Every claim is looked for in the words of the page and worked out again from the results, by another
route where there is one: sizes from the households, accuracies from the single predictions, indices
from the labels. Nothing of `findings` is used. A claim that is nowhere said counts as contradicted,
so that a sentence that was reworded is not passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import Delaunay
from scipy.spatial.distance import cdist

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.models import (
    CLASSIFIERS,
    MAJORITY,
    PROCEDURE,
    probability_column,
)
from customer_segmentation.segments.choice import CONSTRUCTIVE, NATURAL, REPRODUCIBLE
from customer_segmentation.segments.descriptors import LEVEL
from tests.conftest import ProjectRun
from tests.pipelines.reader import SIGNS, Report

NUMBER = r"[+-]?\d+(?:,\d{3})*(?:\.\d+)?"
BASE = "always naming the largest segment"
# Other solutions than the chosen one may be told, but only after these words.
OTHER_SOLUTIONS = re.compile(
    r"(choice is|of them is|\d to|together with|seen with|but \d+ personas, not|instead of"
    r"|personas prefers?(?: \d and)?) $"
)
SILHOUETTES = {"strong": 0.71, "reasonable": 0.51, "weak": 0.26, "no substantial": -1.0}
JACCARDS = {"highly stable": 0.85, "stable": 0.75, "doubtful": 0.6, "not": 0.0}


def read(shown: str) -> float:
    """The number that is printed."""
    return float(shown.replace(",", "").removesuffix("%"))


def agrees(shown: str, value: float) -> bool:
    """Whether a number prints so: half of its last digit is forgiven, and shares are per cent."""
    digits = shown.removesuffix("%").partition(".")[2]
    scaled = 100 * value if shown.endswith("%") else value
    return abs(read(shown) - scaled) <= 0.5 * 10 ** -len(digits) + 1e-9


@dataclass
class Reading:
    """A report beside the results that it should tell of.

    Attributes:
        report: The page.
        run: The results.
        vouched: The numbers in titles that some check has worked out again, by title.
    """

    report: Report
    run: ProjectRun
    vouched: dict[str, list[str]] = field(default_factory=dict)

    def find(self, pattern: str, section: str = "") -> list[re.Match[str]]:
        """Every place where the pattern is said; the numbers of titles are vouched for by it."""
        for title in self.report.charts:
            for match in re.finditer(pattern, title):
                self.vouched.setdefault(title, []).extend(re.findall(NUMBER, match[0]))
        return list(re.finditer(pattern, self.report.prose(section), re.MULTILINE))

    def compare(self, pattern: str, *values: float | str, section: str = "") -> Iterator[str]:
        """Compare what the groups of a pattern say, wherever it is said, with what is true."""
        matches = self.find(pattern, section)
        if not matches:
            yield f"nowhere is said {pattern!r}"
        for match in matches:
            for shown, value in zip(match.groups(), values, strict=True):
                true = shown == value if isinstance(value, str) else agrees(shown, value)
                if not true:
                    yield f"{match[0]!r}: {shown!r} should be {value}"

    def table(self, name: str) -> Any:
        """One of the results."""
        return self.run.load(name)

    @cached_property
    def label(self) -> Mapping[str, str]:
        """What information sets and models are called, in the signs of the page."""
        labels = self.run.parameters.reporting.labels
        return {name: words.translate(SIGNS) for name, words in labels.items()}

    def inside(self, name: str) -> str:
        """The same inside a sentence."""
        words = self.label[name]
        return words if words[1].isupper() else words[0].lower() + words[1:]

    @cached_property
    def households(self) -> Any:
        """The households that formed the segments, with all that is known of them."""
        table = self.table("labelled_households")
        return table[~table["thin_record"]]

    @cached_property
    def sizes(self) -> Any:
        """How many households formed each segment, the largest first."""
        return self.households["segment"].value_counts()

    @cached_property
    def chosen(self) -> Any:
        """The chosen solution."""
        table = self.table("segmentation_candidates")
        return table[table["chosen"]].iloc[0]

    @cached_property
    def predictions(self) -> Any:
        """What was predicted under the protocol of the text, of households that may be tested."""
        table = self.table("classifier_predictions")
        shown = table["protocol"] == self.run.parameters.reporting.protocol
        return table[shown & ~table["thin_record"]]

    @cached_property
    def headline(self) -> Any:
        """The metrics of the procedure by information set."""
        table = self.table("classifier_metrics")
        shown = table["protocol"] == self.run.parameters.reporting.protocol
        return table[shown & (table["model"] == PROCEDURE)].set_index("information_set")

    @cached_property
    def accuracies(self) -> Any:
        """The share of single predictions that are right: information sets x models."""
        right = self.predictions["segment"] == self.predictions["predicted"]
        sets, models = self.predictions["information_set"], self.predictions["model"]
        return pd.crosstab(sets, models, right, aggfunc="mean")

    @cached_property
    def claims(self) -> dict[str, str]:
        """The claim of each information set, by what its fields are and what is rebuilt."""
        codebook, modelling = self.run.parameters.codebook, self.run.parameters.modelling
        audit = self.table("circularity_audit")
        told = audit["contained"] | (audit["r2"] >= modelling.audit.rebuilt_from)
        exact = told.groupby(audit["information_set"]).all()
        seen = {
            each.name: any(map(codebook.is_from_purchases, codebook.expand(each.fields)))
            for each in modelling.information_sets
        }
        words = {
            name: Claim.OVERLAP if bought else Claim.PREDICTION for name, bought in seen.items()
        }
        return {
            name: str(Claim.ASSIGNMENT if exact[name] else word) for name, word in words.items()
        }


def check_sizes(reading: Reading) -> Iterator[str]:
    """Number, sizes and shares of the segments, wherever they stand."""
    total, sizes = reading.sizes.sum(), reading.sizes
    yield from reading.compare(r"([\d,]+) households fall into (\d+) segments", total, len(sizes))
    thin = reading.table("household_segments").query("thin_record")["segment"].value_counts()
    for name, size in sizes.items():
        yield from reading.compare(rf"{name} \((\d+%), n = ([\d,]+)\)", size / total, size)
        card = rf"^{name}\n(\d+%) .*\n([\d,]+) households(?:, and (\d+) with a thin record)?$"
        true = (f"{size / total:.0%}", f"{size:,}", str(thin.get(name, 0)))
        if [match.groups(default="0") for match in reading.find(card, "personas")] != [true]:
            yield f"the card of {name} should say {true}"
        if name in thin:
            yield from reading.compare(rf"(\d+) as {name}\b", thin[name])
    stability = reading.table("segment_stability").set_index("segment")
    for name, low, high in stability[["share_low", "share_high"]].itertuples():
        told = rf"{name} \((\d+%) of the households, 95% interval (\d+%) to (\d+%)\)"
        yield from reading.compare(told, sizes[name] / total, low, high)
    row = stability.loc[sizes.index[0]]
    yield from reading.compare(
        rf"^{sizes.index[0]}: (\d+%) of the households, (\d+%) to (\d+%) by .*, "
        r"(\d+%) to (\d+%) over",
        sizes.iloc[0] / total,
        *row[["share_low", "share_high", "mix_low", "mix_high"]],
    )


def check_samples(reading: Reading) -> Iterator[str]:
    """Every title speaks of all eligible households, of one, or of those who state a descriptor."""
    stating = set(reading.table("segment_descriptors")["n"])
    known = {len(reading.households), len(reading.table("household_segments")), 1} | stating
    for match in reading.find(r"n = ([\d,]+)(?: to ([\d,]+))? households?"):
        for shown in filter(None, match.groups()):
            if read(shown) not in known:
                yield f"{match[0]!r}: nothing was done with so many"


def check_number_of_segments(reading: Reading) -> Iterator[str]:
    """No sentence speaks of another number of segments, but those that tell of other solutions."""
    words = reading.report.prose()
    for match in re.finditer(r"(\d+) (?:chosen )?segments\b|the (\d+) chosen\b", words):
        before = words[: match.start()]
        number = int(match[1] or match[2])
        if number != len(reading.sizes) and not OTHER_SOLUTIONS.search(before):
            yield f"{before[-60:]}{match[0]}: there are {len(reading.sizes)}"


def check_verdict(reading: Reading) -> Iterator[str]:
    """Steadiness from the single pairs, and the word that the declared rule gives it."""
    row = reading.chosen
    pairs = reading.table("candidate_agreements")
    for key in ("specification", "k"):
        pairs = pairs[pairs[key] == row[key]]
    ari = pairs.groupby("mode")["ari"]
    refitted = ari.get_group("pipeline")
    mark = reading.run.parameters.segmentation.choice.reproducible_from
    yield from reading.compare(
        rf"median adjusted Rand index of ({NUMBER}), where .* pairs in ten reach ({NUMBER}), and "
        rf"({NUMBER}) counts",
        refitted.median(),
        refitted.quantile(0.1),
        mark,
    )
    nulls = reading.table("candidate_nulls").query("null == 'copula'")
    nulls = nulls[(nulls["specification"] == row["specification"]) & (nulls["k"] == row["k"])]
    beyond = nulls[["ari", "silhouette"]].quantile(0.95)
    own = (
        ari.get_group("fixed").median(),
        reading.table("household_positions")["silhouette"].mean(),
    )
    passed = [value > null for value, null in zip(own, beyond, strict=True)]
    word = REPRODUCIBLE if refitted.quantile(0.1) >= mark else CONSTRUCTIVE
    k = len(reading.sizes)
    yield from reading.compare(
        rf"The (\d+) segments are ({NATURAL}|{REPRODUCIBLE}|{CONSTRUCTIVE})\b",
        k,
        NATURAL if all(passed) else word,
    )
    words = ["passed" if each else "not passed" for each in passed]
    yield from reading.compare(
        rf"adjusted Rand index ({NUMBER}) against ({NUMBER}) \((\w[\w ]*)\) and silhouette "
        rf"({NUMBER}) against ({NUMBER}) \((\w[\w ]*)\)",
        *(own[0], beyond["ari"], words[0], own[1], beyond["silhouette"], words[1]),
    )


def check_separation(reading: Reading) -> Iterator[str]:
    """The average silhouette, its word, and the households below zero."""
    widths = reading.table("household_positions")["silhouette"]
    word = next(word for word, least in SILHOUETTES.items() if round(widths.mean(), 2) >= least)
    yield from reading.compare(
        rf"silhouette of these (\d+) segments, ({NUMBER}): \w* ?(?:structure is )?"
        rf"({'|'.join(SILHOUETTES)})",
        *(len(reading.sizes), widths.mean(), word),
    )
    yield from reading.compare(
        rf"The (\d+) segments are [^;.]*; [a-z ]*?({'|'.join(SILHOUETTES)})",
        *(len(reading.sizes), word),
    )
    below = widths < 0
    yield from reading.compare(
        r"([\d,]+) households? \((\d+%)\) with a silhouette below 0", below.sum(), below.mean()
    )


def check_extremes(reading: Reading) -> Iterator[str]:
    """What is called highest and lowest is it, by a table that is not the one told from."""
    positions = reading.table("household_positions")
    similar = reading.table("household_similarities").query("segment == to_segment")
    steady = reading.table("household_segments").query("not thin_record")
    moved = reading.table("segment_sensitivity").set_index("variation")
    series = {
        "Median Jaccard": reading.table("segment_jaccards").groupby("segment")["jaccard"].median(),
        "Median similarity": similar.groupby("segment")["similarity"].median(),
        "silhouette below 0": (positions["silhouette"] < 0).groupby(positions["segment"]).mean(),
        "such steady": (steady["agreement"] >= 0.9).groupby(steady["segment"]).mean(),
        "when one decision does": moved["households_moved"] / moved["households"],
        "stay together": _stay_together(reading),
    }
    for start, values in series.items():
        if values is None:
            continue
        for extreme in ("highest", "lowest"):
            yield from _check_extreme(reading, start, extreme, values)


def _check_extreme(reading: Reading, start: str, extreme: str, values: pd.Series) -> Iterator[str]:
    true = values.max() if extreme == "highest" else values.min()
    pattern = rf"{start}[^\n]*?{extreme} for ([^(]+) \(({NUMBER}%?)\)"
    matches = reading.find(pattern)
    if not matches and not reading.find(rf"{start}[^\n]*? ({NUMBER}%?) for "):
        yield f"nowhere is said {pattern!r}"
    for match in matches:
        names = [name.strip("“” ") for name in re.split(r", | and ", match[1].translate(SIGNS))]
        shared = values[[agrees(match[2], value) for value in values]].index
        if not agrees(match[2], true) or set(names) != set(shared):
            yield f"{match[0]!r}: {extreme} is {true} for {list(shared)}"


def _stay_together(reading: Reading) -> pd.Series | None:
    """The largest part of each segment that stays together with one segment more."""
    labels = reading.table("candidate_labels")
    labels = labels[labels["specification"] == reading.chosen["specification"]]
    more = labels[labels["k"] == len(reading.sizes) + 1].set_index("household_id")["label"]
    if more.empty:
        return None
    own = reading.households.set_index("household_id")["segment"]
    return pd.crosstab(own, more, normalize="index").max(axis=1)


def check_stability_words(reading: Reading) -> Iterator[str]:
    """The word for the least stable segment, and how many samples there were."""
    jaccards = reading.table("segment_jaccards")
    least = round(jaccards.groupby("segment")["jaccard"].median().min(), 2)
    word = next(word for word, mark in JACCARDS.items() if least >= mark)
    yield from reading.compare(
        r"similarity over (\d+) bootstrap samples: .*: (highly stable|stable|doubtful|not)\b",
        *(jaccards["sample"].nunique(), word),
    )
    flows = r"together with (\d+) segments instead of (\d+)"
    if reading.find(flows):
        yield from reading.compare(flows, len(reading.sizes) + 1, len(reading.sizes))


def check_numbers_tried(reading: Reading) -> Iterator[str]:
    """Which numbers of segments are the steadiest, from the single pairs."""
    pairs = reading.table("candidate_agreements")
    own = (pairs["specification"] == reading.chosen["specification"]) & (
        pairs["mode"] == "pipeline"
    )
    tenths = pairs[own].groupby("k")["ari"].quantile(0.1).round(2)
    steadiest = " and ".join(map(str, tenths.index[tenths == tenths.max()]))
    yield from reading.compare(
        rf"steadiest of (\d+) to (\d+) segments: ([\w ]+) \(10% quantile .* ({NUMBER})\); the "
        r"(\d+) chosen",
        *(tenths.index.min(), tenths.index.max(), steadiest, tenths.max(), len(reading.sizes)),
    )


def check_nulls(reading: Reading) -> Iterator[str]:
    """Which simulated households the chosen segments are steadier than."""
    row = reading.chosen
    tables = [reading.table("candidate_agreements"), reading.table("candidate_nulls")]
    pairs, nulls = (
        table[(table["specification"] == row["specification"]) & (table["k"] == row["k"])]
        for table in tables
    )
    own = pairs.loc[pairs["mode"] == "fixed", "ari"].median()
    is_steadier = own > nulls.groupby("null")["ari"].quantile(0.95)
    words = {
        "permuted": "shuffled scores",
        "copula": "simulated households of the same correlations",
    }
    beaten, others = (
        [words[null] for null in words if is_steadier[null] == flag] for flag in (True, False)
    )
    told = f"are no steadier than {' or '.join(others)}"
    if beaten:
        told = f"are steadier than {' and '.join(beaten)}"
        told += f", not than {' and '.join(others)}" if others else ""
    yield from reading.compare(r"; the \d+ chosen ([^;]*); n = ", told)


def check_positions(reading: Reading) -> Iterator[str]:
    """How many households lie among those of another segment, and what the map shows."""
    table = reading.table("household_positions")
    points = table[["component_1", "component_2"]].to_numpy()
    astray = np.zeros(len(table), dtype=bool)
    for name in reading.sizes.index:
        own = (table["segment"] == name).to_numpy()
        astray |= ~own & (Delaunay(points[own]).find_simplex(points) >= 0)
    shown = table[["component_1_share", "component_2_share"]].iloc[0].sum()
    yield from reading.compare(
        r"components that hold (\d+%) of the variance, (\d+%) of the households lie inside",
        *(shown, astray.mean()),
    )
    yield from reading.compare(rf"; ({NUMBER}) is no preference", 1 / len(reading.sizes))
    wanted = list(reading.run.parameters.reporting.map_scores)
    own = reading.table("segment_scores").set_index("household_id")
    own = own.loc[reading.households["household_id"], wanted].to_numpy()
    names = reading.households["segment"].to_numpy()
    means = np.array([own[names == name].mean(axis=0) for name in reading.sizes.index])
    nearest = cdist(own, means).argmin(axis=1)
    moved = np.mean(reading.sizes.index.to_numpy()[nearest] != names)
    yield from reading.compare(r"alone, (\d+%) of the households lie nearer to the mean", moved)


def check_specifications(reading: Reading) -> Iterator[str]:
    """How far the other specifications sort the households as the chosen one does."""
    table = reading.table("specification_agreement")
    name = reading.chosen["specification"]
    pairs = table[["specification_a", "specification_b"]] == name
    ari = table.loc[pairs.any(axis=1) & (table["k"] == len(reading.sizes)), "ari"]
    yield from reading.compare(
        rf"with those of (\d+) other specifications: ({NUMBER}) to ({NUMBER}), median ({NUMBER})",
        *(len(ari), ari.min(), ari.max(), ari.median()),
    )
    ends = table[["specification_a", "specification_b"]].where(~pairs, "").sum(axis=1)
    is_same = ends.str.partition(".")[0] == name.partition(".")[0]
    for words, same in (("the same columns, .*?", True), ("other choices of columns", False)):
        own = ari[is_same[ari.index] == same]
        yield from reading.compare(
            rf"recipe: adjusted Rand index with these (\d+) segments .*?({NUMBER}) to ({NUMBER}) "
            rf"for {words} \((\d+) specifications\)",
            *(len(reading.sizes), own.min(), own.max(), len(own)),
            section="summary",
        )
    varied = reading.table("segment_sensitivity").query("sizes != ''")
    lost = (varied["mismatch"] != "").sum()
    told = reading.find(r"(\d+) of (\d+) variations of it do not show all", "summary")
    if [tuple(map(int, match.groups())) for match in told] not in ([], [(lost, len(varied))]):
        yield f"{told[0][0]!r}: {lost} of {len(varied)} lose a persona"
    barred = reading.table("segmentation_candidates")["barred_by_personas"].any()
    if (
        bool(reading.find("follows from the personas, not from the data alone", "summary"))
        != barred
    ):
        yield f"the number follows from the personas: {barred}"


def check_movers(reading: Reading) -> Iterator[str]:
    """The households that move between the ends of what the panel cannot tell."""
    table = reading.table("segment_sensitivity")
    for row in table[table["kind"] == "bounds"].to_dict("records"):
        share = row["households_moved"] / row["households"]
        yield from reading.compare(
            rf"{re.escape(row['variation'])}: ([\d,]+) of ([\d,]+) households \((\d+%)\) change "
            rf"segment, adjusted Rand index ({NUMBER})",
            *(row["households_moved"], row["households"], share, row["ari"]),
        )
    own = reading.households.set_index("household_id")["segment"]
    steady = reading.table("household_segments").set_index("household_id").loc[own.index]
    held = steady["agreement"] >= 0.9
    yield from reading.compare(
        r"([\d,]+) households of ([\d,]+) \((\d+%)\) get the same .*, and ([\d,]+) in fewer",
        *(held.sum(), len(held), held.mean(), (steady["agreement"] < 0.5).sum()),
    )


def check_means(reading: Reading) -> Iterator[str]:
    """The means of what is told of the segments, the leader, and the mean of all."""
    codebook = reading.run.parameters.codebook
    for name in reading.run.parameters.reporting.trend_variables:
        low, high = codebook.bounds_of(name)
        groups = reading.households.groupby("segment")
        means = pd.DataFrame({"low": groups[low].mean(), "high": groups[high].mean()})
        about = codebook[name]
        said = reading.find(rf"^{re.escape(about.label)} \({about.unit}\): (.*)$", "behaviour")
        if len(said) != 1:
            yield f"{about.label} is told {len(said)} times"
            continue
        yield from _check_contrast(said[0][1], means)
        leader = (
            rf"(?:: |; )({'|'.join(means.index)}) \([^)]*{about.title[0].lower()}{about.title[1:]}"
        )
        for match in reading.find(leader + rf" ({NUMBER}%?)"):
            best, highest = str(means["low"].idxmax()), means["low"].max()
            if match[1] != best or not agrees(match[2], highest):
                yield f"{match[0]!r}: the highest is {best} with {highest}"


def _check_contrast(told: str, means: pd.DataFrame) -> Iterator[str]:
    reaches = {}
    for name, (low, high) in zip(means.index, means.to_numpy(), strict=True):
        ends = [low, high] if low != high else [low]
        said = re.search(
            rf"{name} ({NUMBER}%?)(?: to ({NUMBER}%?))? \(({NUMBER})%? to ({NUMBER})%?\)", told
        )
        if said is None:
            yield f"{name} is not told in {told!r}"
            return
        shown = [each for each in said.groups()[:2] if each]
        if len(shown) != len(ends) or not all(map(agrees, shown, ends)):
            yield f"{said[0]!r}: the mean is {ends}"
        reaches[name] = read(said[3]), read(said[4])
    yield from _check_ends(told, reaches, means)


def _check_ends(
    told: str, reaches: Mapping[str, tuple[float, float]], means: pd.DataFrame
) -> Iterator[str]:
    """Which segment is called highest or lowest, from the intervals as they are printed."""
    lows, highs = ({name: ends[i] for name, ends in reaches.items()} for i in (0, 1))
    top, bottom = max(lows, key=lows.__getitem__), min(highs, key=highs.__getitem__)
    clear = []
    if all(lows[top] > high for name, high in highs.items() if name != top):
        clear.append(f"{top} clearly highest")
    if all(highs[bottom] < low for name, low in lows.items() if name != bottom):
        clear.append(f"{bottom} clearly lowest")
    by_bounds = told.endswith(" clearly highest by either bound, though the ranges meet.")
    words = " and ".join(clear) or "no segment clearly highest or lowest"
    if by_bounds and not clear:
        first = means["low"].idxmax()
        words = f"{first} clearly highest by either bound, though the ranges meet"
        if means["high"].idxmax() != first:
            yield f"{told!r}: {first} has not the highest upper bound"
    if not told.endswith(f"; {words}."):
        yield f"{told!r} should end with {words!r}"


def check_cards(reading: Reading) -> Iterator[str]:
    """What sets a segment apart is so, and on that side; how surely it is found again."""
    labels = {each.title: each.name for each in reading.run.parameters.codebook.variables}
    steady = reading.table("household_segments").query("not thin_record")
    held = (steady["agreement"] >= 0.9).groupby(steady["segment"]).mean()
    jaccards = reading.table("segment_jaccards").groupby("segment")["jaccard"].median()
    cards = re.split(
        rf"^({'|'.join(reading.sizes.index)})$",
        reading.report.prose("personas"),
        flags=re.MULTILINE,
    )
    for name, card in zip(cards[1::2], cards[2::2], strict=True):
        own = reading.households[reading.households["segment"] == name]
        facts = re.findall(rf"^(.+?) ([▲▼]) ({NUMBER}%?)(.*) all: ({NUMBER}%?)", card, re.MULTILINE)
        for label, side, mean, rest, total in facts:
            low = reading.run.parameters.codebook.bounds_of(labels[label])[0]
            true = own[low].mean(), reading.households[low].mean()
            is_right = agrees(mean, true[0]) and agrees(total, true[1])
            if not is_right or (side == "▲") != (true[0] > true[1]):
                yield f"{name}: {label} {side} {mean}{rest}, all {total}: the means are {true}"
        yield from _check_neighbour(reading, name, card)
        (brief,) = (match[0] for match in reading.find(rf"^{name} \(\d+% of .*$", "summary"))
        for told in re.findall(r"all: [^)]*(?=\) and|\);)|differ from .*?against [^)]*", brief):
            if told not in card:
                yield f"the card of {name} does not say {told!r}"
        said = re.search(rf"similarity ({NUMBER})\)\. (\d+%) of its households", card)
        if said is None or not (agrees(said[1], jaccards[name]) and agrees(said[2], held[name])):
            yield f"{card!r}: {name} has {jaccards[name]} and {held[name]}"


def _check_neighbour(reading: Reading, name: str, card: str) -> Iterator[str]:
    """Other segments are told with their own means; the neighbour is the usual second segment."""
    codebook = reading.run.parameters.codebook
    labels = {each.title: each.name for each in codebook.variables}
    means = reading.households.groupby("segment")
    for label, rest in re.findall(r"^(.+?) [▲▼] .* all: [^;\n]*; (.*)$", card, re.MULTILINE):
        for rival, shown in re.findall(rf"([^,:;]+?): ({NUMBER}%?)", rest):
            low = codebook.bounds_of(labels[label])[0]
            if not agrees(shown, means[low].mean()[rival.strip()]):
                yield f"{name}: {label}: {rival} has {means[low].mean()[rival.strip()]}"
    seconds = reading.table("household_segments").query("not thin_record")
    usual = seconds.loc[seconds["segment"] == name, "second_segment"].mode().iloc[0]
    said = re.search(
        rf"differ from (.+), the nearest segment, most in (.+) \(({NUMBER}%?).*? against "
        rf"({NUMBER}%?)",
        card,
    )
    if said is None or said[1] != usual:
        yield f"{card!r}: nearest to {name} is {usual}"
        return
    inside = {title[0].lower() + title[1:]: each for title, each in labels.items()}
    low = codebook.bounds_of(inside[said[2]])[0]
    own, other = means[low].mean()[[name, usual]]
    if not (agrees(said[3], own) and agrees(said[4], other)):
        yield f"{said[0]!r}: the means are {own} and {other}"


def check_titles_of_behaviour(reading: Reading) -> Iterator[str]:
    """The index to the total, and the share that lies farthest from it."""
    amounts = list(reading.run.parameters.reporting.amount_variables)
    means = reading.households.groupby("segment")[amounts].mean()
    index = 100 * means / reading.households[amounts].mean()
    spread = (index.max() - index.min()).sort_values()
    named = [reading.run.parameters.codebook[name].label for name in spread.index]
    least, *_, most = [label[0].lower() + label[1:] for label in named]
    ends = index[spread.index[-1]]
    yield from reading.compare(
        r"farthest apart in ([\w ]+) \((\d+) to (\d+)\), closest in ([\w ]+) \([\d to]+\); "
        r"100 is the mean of ([\d,]+) households",
        *(most, ends.min(), ends.max(), least, len(reading.households)),
    )
    profiles = reading.table("segment_profiles")
    labels = {v.label.lower(): v.name for v in reading.run.parameters.codebook.variables}
    for match in reading.find(
        r"Farthest from the total: (.+?) in (.+), (\d+%) against (\d+%) for the mean household"
    ):
        column = labels[match[2].lower()]
        own = reading.households.loc[reading.households["segment"] == match[1], column].mean()
        if not (agrees(match[3], own) and agrees(match[4], reading.households[column].mean())):
            yield f"{match[0]!r}: {own} against {reading.households[column].mean()}"
        if profiles.loc[profiles["variable"] == column, "built_segments"].any():
            yield f"{match[0]!r}: it formed the segments"


def check_demographics(reading: Reading) -> Iterator[str]:
    """How many links survive, and the code that stands out."""
    tests = reading.table("segment_descriptors").dropna(subset=["p_holm"])
    surviving = (tests["p_holm"] <= LEVEL).sum()
    yield from reading.compare(
        rf"(Not one|{NUMBER}) of ({NUMBER}) demographic links .*\(({NUMBER}%) after Holm",
        *("Not one" if not surviving else float(surviving), len(tests), LEVEL),
    )
    for match in reading.find(r", is (\d+%) of ([\w ]+) \((\d+) of (\d+) households\)"):
        own = reading.households["segment"] == match[2]
        if not agrees(match[1], int(match[3]) / int(match[4])) or int(match[4]) > own.sum():
            yield f"{match[0]!r} does not add up"


def check_claim_words(reading: Reading) -> Iterator[str]:
    """Every information set carries the word that the audit gives it, and no other."""
    for name, claim in reading.claims.items():
        label = re.escape(reading.label[name])
        accuracy = reading.accuracies.loc[name, PROCEDURE]
        yield from reading.compare(
            rf"(assignment|overlap|prediction) {label} ({NUMBER}%)", claim, accuracy
        )
        told = reading.report.prose("models").split(f"\n{reading.label[name]}. Right")
        words = re.findall(r"^(assignment|overlap|prediction)$", told[0], re.MULTILINE)
        if len(told) != 2 or words[-1:] != [claim]:
            yield f"{label} stands under {words[-1:]}, not {claim}"
        if name in reading.headline.index and reading.headline.loc[name, "claim"] != claim:
            yield f"{name} has the claim {reading.headline.loc[name, 'claim']} in the table"


def verdict_of(low: float, high: float) -> str:
    """What an interval of a gain says."""
    if low > 0:
        return "better than"
    return "worse than" if high < 0 else "not told apart from"


def check_accuracies(reading: Reading) -> Iterator[str]:
    """What the procedure reaches, beside always naming the largest segment, and its words."""
    verdicts = {}
    for name, row in reading.headline.iterrows():
        own, base = reading.accuracies.loc[name, [PROCEDURE, MAJORITY]]
        verdicts[name] = verdict_of(row["gain_low"], row["gain_high"])
        yield from reading.compare(
            rf"^{re.escape(reading.label[name])}\. Right for ({NUMBER}%) .*? of ([\d,]+) "
            rf"households: ([a-z ]+) {BASE} \(({NUMBER}%)\), a difference of ({NUMBER}) ",
            *(own, len(reading.households), verdicts[name], base, 100 * (own - base)),
        )
    better = {name for name, word in verdicts.items() if word == "better than"}
    for title in reading.report.charts:
        if re.search(rf"(above|beats?) {BASE}", title):
            yield from _check_sides(reading, title, better)
    blind = {name for name in verdicts if reading.claims[name] == Claim.PREDICTION}
    told = reading.find(rf"^(.*models.*? beat {BASE}|No model clearly beats {BASE})\.", "summary")
    if len(told) != 1:
        yield f"the summary judges the claims {len(told)} times"
    elif blind & better:
        if not told[0][0].startswith("Without any purchase, models beat"):
            yield f"{told[0][0]!r}, but {blind & better} beat it"
    elif ("not clearly beat" in told[0][0]) != bool(better):
        yield f"{told[0][0]!r}, but those that beat it are {better}"


def _check_sides(reading: Reading, title: str, better: set[str]) -> Iterator[str]:
    above, _, rest = title.partition("; not ")
    if title.startswith("No information set"):
        above, rest = "", title
    for name in reading.headline.index:
        words = reading.inside(name)
        side = above if name in better else rest
        said = re.search(rf"{re.escape(words)} \(({NUMBER}%)\)", side)
        if said is None or not agrees(said[1], reading.accuracies.loc[name, PROCEDURE]):
            yield f"{title!r}: {words} has {reading.accuracies.loc[name, PROCEDURE]}"


def check_quoting(reading: Reading) -> Iterator[str]:
    """Which accuracies may be quoted as what."""
    own = reading.accuracies[PROCEDURE].groupby(reading.claims)
    for claim, (low, high) in own.agg(["min", "max"]).iterrows():
        ends = [low] if f"{low:.1%}" == f"{high:.1%}" else [low, high]
        spans = " to ".join([rf"({NUMBER}%)"] * len(ends))
        yield from reading.compare(rf"Quote an accuracy .*?\b{spans} is {claim}", *ends)


def check_ladder(reading: Reading) -> Iterator[str]:
    """From where to where accuracy falls."""
    lowest = [
        reading.accuracies.loc[name, PROCEDURE]
        for name, claim in reading.claims.items()
        if claim == Claim.PREDICTION
    ]
    yield from reading.compare(
        rf"falls from ({NUMBER}%) \(assignment\) to ({NUMBER}%) \(prediction\); "
        rf"{BASE} gives ({NUMBER}%)",
        *(1.0, min(lowest), reading.accuracies[MAJORITY].max()),
    )


def check_found_segments(reading: Reading) -> Iterator[str]:
    """Which segments the least informed procedure finds, from the single predictions."""
    names = [name for name, claim in reading.claims.items() if claim == Claim.PREDICTION]
    own = reading.predictions[reading.predictions["information_set"] == names[-1]]
    own = own[own["model"] == PROCEDURE]
    found = (own["segment"] == own["predicted"]).groupby(own["segment"]).mean()
    for verb, true in (("finds", found.max()), ("but", found.min())):
        matches = reading.find(rf"{verb} ({NUMBER}%) of (.+?)(?:, but|; n)")
        for match in matches:
            shared = {name for name, value in found.items() if agrees(match[1], value)}
            if not agrees(match[1], true) or set(re.split(r", | and ", match[2])) != shared:
                yield f"{match[0]!r}: it is {true} for {shared}"
        if not matches:
            yield f"nowhere is said what it {verb}"


def check_comparisons(reading: Reading) -> Iterator[str]:
    """Whether one model is better: the words for every pair, from intervals and single answers."""
    model = reading.run.parameters.reporting.model_in_question
    pairs = reading.table("model_comparisons")
    pairs = pairs[pairs["protocol"] == reading.run.parameters.reporting.protocol]
    losses = _log_losses(reading)
    best = 0
    for name in reading.headline.index:
        own = pairs[pairs["information_set"] == name]
        words = []
        for rival in (each for each in CLASSIFIERS if each != model):
            rows = own[own[["model_a", "model_b"]].isin([model, rival]).all(axis=1)]
            if rows.empty:
                continue
            row = rows.iloc[0]
            sign = -1 if row["model_a"] == model else 1
            low, high = sorted((sign * row["log_loss_low"], sign * row["log_loss_high"]))
            words.append(verdict_of(low, high).removesuffix(" than").removesuffix(" from"))
            yield from _check_pair(
                reading, name, rival, losses[name, rival] - losses[name, model], words[-1]
            )
        answer = "shown to be best" if set(words) == {"better"} else "not shown to be best"
        answer = "not best" if "worse" in words else answer
        best += answer == "shown to be best"
        yield from reading.compare(
            rf"^{re.escape(reading.label[name])}: {reading.label[model]} .* By log loss it is "
            r"((?:not )?(?:shown to be )?best)\.$",
            answer,
        )
    yield from reading.compare(
        r"is shown to be best on (\d+) of (\d+) information sets", best, len(reading.headline)
    )


def _check_pair(reading: Reading, name: str, rival: str, saved: float, word: str) -> Iterator[str]:
    model = reading.run.parameters.reporting.model_in_question
    yield from reading.compare(
        rf"^{re.escape(reading.label[name])}: {reading.label[model]}[^\n]*?(loses|saves) "
        rf"({NUMBER}) log loss against {re.escape(reading.inside(rival))} "
        r"\(interval [^:]*: ([a-z ]+); accuracy",
        *("loses" if saved < 0 else "saves", abs(saved), word),
    )


def _log_losses(reading: Reading) -> dict[Any, float]:
    """By information set and model; folds count alike, whatever their size."""
    table = reading.predictions[reading.predictions["model"].isin(CLASSIFIERS)]
    names = [probability_column(name) for name in reading.sizes.index]
    places = table["segment"].map(list(reading.sizes.index).index).to_numpy()
    own = table[names].to_numpy()[np.arange(len(table)), places]
    folds = table[["information_set", "model", "repeat", "fold"]].assign(loss=-np.log(own))
    losses = folds.groupby(list(folds.columns[:-1]))["loss"].mean()
    return losses.groupby(["information_set", "model"]).mean().to_dict()


def check_permutations(reading: Reading) -> Iterator[str]:
    """The p-value follows from the permutations that it counts."""
    tests = reading.table("permutation_tests")
    for row in tests.to_dict("records"):
        label = re.escape(reading.label[row["information_set"]])
        number = row["permutations"]
        yield from reading.compare(
            rf"{label}: dealt out .* in (\d+) of (\d+) permutations .* p = ({NUMBER})"
            + (rf", ({NUMBER}) by" if len(tests) > 1 else r"\."),
            *(row["p_value"] * (number + 1) - 1, number, row["p_value"]),
            *([row["p_holm"]] if len(tests) > 1 else []),
        )


def check_campaign(reading: Reading) -> Iterator[str]:
    """Hits, shares, lift, and what is called more than at random."""
    segment = reading.run.parameters.modelling.campaign.segment
    gains = reading.table("campaign_gains")
    gains = gains[gains["depth"] == reading.run.parameters.reporting.campaign_depth]
    base = reading.sizes[segment] / len(reading.households)
    for row in gains.to_dict("records"):
        name = row["information_set"]
        share = row["hits"] / row["mailed"]
        word = "more than" if row["lift_low"] > 1 else "not told apart from mailing"
        yield from reading.compare(
            rf"^{re.escape(reading.label[name])}: of ({NUMBER}) mailed households ({NUMBER}) "
            rf"\(({NUMBER}%)\) are ({segment}), against a base rate of ({NUMBER}%); "
            rf"lift ({NUMBER}) .*? of at most ({NUMBER}), "
            "(more than|not told apart from mailing) at random",
            *(row["mailed"], row["hits"], share, segment, base, share / base),
            *(min(1 / base, len(reading.households) / row["mailed"]), word),
        )
    lifts = gains["hits"] / gains["mailed"] / base
    yield from reading.compare(
        rf"by (\d+) of (\d+) information sets stand clearly more ({segment}) than at random; lift "
        rf"({NUMBER}) to ({NUMBER})",
        *((gains["lift_low"] > 1).sum(), len(gains), segment, lifts.min(), lifts.max()),
    )


def check_mix(reading: Reading) -> Iterator[str]:
    """Whether another mix of the strata would turn what mailing everybody yields."""
    declared = reading.run.parameters.modelling.campaign
    cost, value = declared.contact_cost, declared.success_value
    mixes = reading.table("segment_stability").set_index("segment").loc[declared.segment]
    told = reading.find(rf"the share lies between ({NUMBER}%) and ({NUMBER}%), on both sides")
    if bool(told) != (mixes["mix_low"] < cost / value < mixes["mix_high"]):
        yield f"over all mixes {declared.segment} are {mixes['mix_low']} to {mixes['mix_high']}"
    for match in told:
        if not (agrees(match[1], mixes["mix_low"]) and agrees(match[2], mixes["mix_high"])):
            yield f"{match[0]!r}: it is {mixes['mix_low']} to {mixes['mix_high']}"


def check_profit(reading: Reading) -> Iterator[str]:
    """What mailing everybody and the best lists yield, and whether a list is advised."""
    declared = reading.run.parameters.modelling.campaign
    households = len(reading.households)
    cost, value = declared.contact_cost, declared.success_value
    everybody = reading.sizes[declared.segment] * value - households * cost
    yield from reading.compare(
        rf"mailing everybody yields ({NUMBER}) \([^)]*\) (\w+)\.", everybody, declared.currency
    )
    members = reading.sizes[declared.segment]
    yield from reading.compare(
        rf"mailing only the ([\d,]+) who belong to the segment yields ({NUMBER})\.",
        *(members, members * (value - cost)),
    )
    rival = "everybody" if everybody > 0 else "nobody"
    beaten = {}
    for name, own in reading.table("campaign_gains").query("depth < 1").groupby("information_set"):
        profits = own["hits"] * value - own["mailed"] * cost
        best = own.loc[profits.idxmax()]
        beyond = profits.max() - max(everybody, 0)
        low = best["over_everybody_low" if everybody > 0 else "profit_low"]
        beaten[name] = low > 0
        yield from reading.compare(
            rf"^{re.escape(reading.label[str(name)])} \(\w+\): the best list mails (\d+%) and "
            rf"yields ({NUMBER}) .*? \w+, ({NUMBER}) \([^)]*\) against (?:mailing )?(\w+)",
            *(best["depth"], profits.max(), beyond, rival),
        )
        if name != declared.information_set:
            continue
        high = best["over_everybody_high" if everybody > 0 else "profit_high"]
        advice = "To reach" if beaten[name] else "No list of" if high >= 0 else "Every list of"
        yield from reading.compare(
            rf"^(To reach|No list of|Every list of) {declared.segment} .*? likeliest "
            rf"(\d+%) yield ({NUMBER}) \w+, ({NUMBER}) \([^)]*\) against",
            *(advice, best["depth"], profits.max(), beyond),
        )
        better = [f"{depth:.0%}" for depth in own.loc[own["lift_low"] > 1, "depth"]]
        for match in reading.find(
            rf"^{re.escape(reading.label[str(name)])} \(.*its order beats a random one at "
            r"(\d+%) to (\d+%) mailed"
        ):
            if [match[1], match[2]] != better[:: len(better) - 1]:
                yield f"{match[0]!r}: its order beats a random one at {better}"
    yield from reading.compare(
        rf"best lists of (\d+) of (\d+) information sets .* mailing {rival}, "
        rf"which brings ({NUMBER})",
        *(sum(beaten.values()), len(beaten), max(everybody, 0)),
    )


def check_coverage(reading: Reading) -> Iterator[str]:
    """How often sets hold the true segment, how large they are, and which groups are missed."""
    summary = reading.table("conformal_summary")
    target = 1 - reading.run.parameters.modelling.conformal.error_rate
    for row in summary[summary["group_by"] == "all"].to_dict("records"):
        name = row["information_set"]
        yield from reading.compare(
            rf"^{re.escape(reading.label[name])}: a set holds ({NUMBER}) of (\d+) segments .* for "
            rf"(\d+%) of the households; coverage ({NUMBER}%)",
            *(row["mean_set_size"], len(reading.sizes), row["singletons"], row["coverage"]),
        )
        yield from reading.compare(
            rf"hold the true segment of .*?({NUMBER}%), a single one for (\d+%) "
            rf"\({reading.inside(name)}\).*target is (\d+%)",
            *(row["coverage"], row["singletons"], target),
        )
    groups = summary[summary["group_by"] != "all"]
    missed = int((groups["coverage_high"] < target).sum())
    yield from reading.compare(
        r"Of (\d+) groups, (\w+) lies? below the target", len(groups), str(missed or "none")
    )


def check_questions(reading: Reading) -> Iterator[str]:
    """How many questions come near enough, of how many."""
    table = reading.table("golden_questions")
    for name, part in table.groupby("information_set"):
        row = part[part["recommended"]].iloc[0]
        tried = part.loc[part["field"] != "", "n_fields"].max()
        ended = row["field"] != "" and row["n_fields"] == tried
        yield from reading.compare(
            rf"log loss: .*?\b(\d+)((?:, where the search ended,)?) of (\d+) "
            rf"\({reading.inside(name)}\)",
            *(row["n_fields"], ", where the search ended," if ended else ""),
            part["n_fields"].max(),
        )
        yield from reading.compare(
            rf"^{re.escape(reading.label[str(name)])}: [^\n]*?log loss ({NUMBER}), right for "
            rf"({NUMBER}%)",
            *(row["log_loss"], row["accuracy"]),
            section="questions",
        )


def check_slices(reading: Reading) -> Iterator[str]:
    """How many slices are clearly apart, and the largest difference of the gain."""
    slices = reading.table("fairness_slices").dropna(subset=["gain_difference"])
    kept = []
    for _, own in slices.groupby(["information_set", "field"], sort=False):
        kept.append(own if len(own) > 2 else own.sort_values("n", kind="stable").head(1))
    distinct = pd.concat(kept)
    counts = {}
    for name, part in distinct.groupby("information_set"):
        counts[name], bare = (
            ((part[f"{stem}_low"] > 0) | (part[f"{stem}_high"] < 0)).sum()
            for stem in ("gain", "difference")
        )
        for words, count in (("exclude no difference:", counts[name]), ("clearly in", bare)):
            yield from reading.compare(
                rf"{words} [^:;]*?\b(\d+) of (\d+) \({reading.inside(name)}\)", count, len(part)
            )
    name = reading.run.parameters.modelling.campaign.information_set
    part = distinct[distinct["information_set"] == name]
    largest = part.loc[part["gain_difference"].abs().idxmax(), "gain_difference"]
    yield from reading.compare(
        rf"(\d+) of (\d+) slices? with a clear .* the largest is ({NUMBER}) \([^)]*\) points",
        *(counts[name], len(part), 100 * largest),
    )


def check_beeswarm(reading: Reading) -> Iterator[str]:
    """How far the strongest field moves a household, from the single values."""
    name = reading.run.parameters.reporting.beeswarm_information_set
    values = reading.table("shap_values")
    values = values[values["information_set"] == name]
    values = values[values["household_id"].isin(reading.households["household_id"])]
    sizes = values["shap_value"].abs().groupby(values["field"]).mean()
    title = reading.run.parameters.codebook[str(sizes.idxmax())].title
    yield from reading.compare(
        rf": ([^:]+) moves a household most, on average by ({NUMBER}) in",
        *(title[0].lower() + title[1:], sizes.max()),
    )


def check_story(reading: Reading) -> Iterator[str]:
    """Somebody of the segment that is told has the probability of the story; nobody is named."""
    ids = set(map(str, reading.table("labelled_households")["household_id"]))
    for _, words in reading.report.blocks:
        if named := ids.intersection(re.findall(r"\d+", words)):
            yield f"{words!r} names household {named}"
    for match in reading.find(rf"one household: (.+?) with a probability of ({NUMBER}%)"):
        (told,) = reading.find(r"By its purchases it belongs to (.+)\.$")
        own = reading.predictions[reading.predictions["reference"] == told[1]]
        shares = own.get(probability_column(match[1]), [])
        if not any(agrees(match[2], share) for share in shares):
            yield f"{match[0]!r}: nobody of {told[1]} has that"


def check_names(reading: Reading) -> Iterator[str]:
    """No persona is named where segments are numbered, and nothing is left unfilled."""
    naming = reading.run.parameters.segmentation.naming
    strangers = {persona.name for persona in naming.personas} - set(reading.sizes.index)
    told = [*reading.report.blocks, *reading.report.cells]
    for section, words in told:
        if section != "study" and any(name in words for name in strangers):
            yield f"{words!r} names a persona that is no segment"
        if re.search(r"\b(nan|None|NaN|inf)\b|<NA>|\{\{", words):
            yield f"{words!r} is not filled in"


def check_titles(reading: Reading) -> Iterator[str]:
    """Every number in the title of a chart stands in its table, or was worked out again above."""
    printed = {words for _, words in reading.report.blocks}
    for title, cells in reading.report.charts.items():
        if title not in printed:
            yield f"{title!r} is not the title that phones show"
        held = [read(each) for cell in cells for each in re.findall(NUMBER, cell)]
        words = re.sub(r"\bSegment \d+|n = .*", "", title)
        for shown in re.findall(NUMBER, words):
            in_table = any(agrees(shown, each) for each in held)
            if not in_table and shown not in reading.vouched.get(title, []):
                yield f"{title!r}: {shown} stands nowhere in the table behind it"


CHECKS: tuple[Callable[[Reading], Iterator[str]], ...] = (
    check_sizes,
    check_samples,
    check_number_of_segments,
    check_verdict,
    check_separation,
    check_extremes,
    check_stability_words,
    check_numbers_tried,
    check_nulls,
    check_positions,
    check_specifications,
    check_movers,
    check_cards,
    check_means,
    check_titles_of_behaviour,
    check_demographics,
    check_claim_words,
    check_accuracies,
    check_quoting,
    check_ladder,
    check_found_segments,
    check_comparisons,
    check_permutations,
    check_campaign,
    check_mix,
    check_profit,
    check_coverage,
    check_questions,
    check_slices,
    check_beeswarm,
    check_story,
    check_names,
    check_titles,  # the last: it asks what the others have vouched for
)


def find_contradictions(html: str, run: ProjectRun) -> list[str]:
    """Find what a page says against the results of a run.

    Args:
        html: The report.
        run: The results that it was written from.

    Returns:
        One line per contradiction; none if the page is right.
    """
    reading = Reading(Report(html), run)
    return [f"{check.__name__}: {found}" for check in CHECKS for found in check(reading)]
