"""What speaks for a grouping: does it come back, and how far apart are its segments?

Two bootstrap samples lead to two solutions; each gives every household to a segment, and the two
answers are compared. On *fixed* scores only the grouping is done again; with the *pipeline*
refitted, pooled rates, caps, means and standard deviations are learnt anew on each sample.

The same is measured on data without segments. Two nulls keep each score's distribution exactly,
skewness and zeros included. *Permuted* columns have no link at all; a Gaussian *copula* keeps the
rank correlations, so it is one elongated cloud. The reference data of the gap statistic have no
structure at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

from customer_segmentation.segments.partition import (
    Floats,
    Labels,
    Method,
    Partition,
    Scores,
    adjusted_rand,
    best_jaccards,
    child_of,
    cross_tabulate,
    find_partitions,
)
from customer_segmentation.segments.scores import learn_scores
from customer_segmentation.segments.specification import Specification

FIXED, PIPELINE = "fixed", "pipeline"
PERMUTED, COPULA = "permuted", "copula"

Draw = Callable[[Scores, np.random.Generator], Scores]
Solution = tuple[str, int]  # specification and number of segments


class PairResult(NamedTuple):
    """What one pair of bootstrap samples shows.

    Attributes:
        agreements: The adjusted Rand index by specification, number of segments and mode.
        jaccards: By specification and number of segments one row per sample, one column per segment
            of the solution on all households: how well the whole pipeline recovers it.
    """

    agreements: dict[tuple[str, int, str], float]
    jaccards: dict[Solution, Floats]


def draw_pair(households: int, seed: np.random.SeedSequence) -> npt.NDArray[np.intp]:
    """Draw two bootstrap samples: two rows of row numbers, each as long as there are households."""
    generator = np.random.default_rng(child_of(seed, 0))
    return generator.integers(households, size=(2, households), dtype=np.intp)


def solve(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    seed: np.random.SeedSequence,
    sample: Labels | None = None,
) -> dict[int, Labels]:
    """Group the households of a sample, or all, and give every household to a segment."""
    partitions = find_partitions(scores, counts, method, seed, sample)
    return {k: partition.assign(scores) for k, partition in partitions.items()}


def compare_fixed_pair(
    scores: Scores, counts: Sequence[int], method: Method, seed: np.random.SeedSequence
) -> dict[int, float]:
    """Compare the solutions of two bootstrap samples on fixed scores: the adjusted Rand indices.

    References:
        `bootFlexclust` of the R package flexclust; Dolnicar, Grün & Leisch (2018), Market
        Segmentation Analysis, section 7.5.3.
    """
    first, second = (
        solve(scores, counts, method, child_of(seed, half), sample)
        for half, sample in enumerate(draw_pair(len(scores), seed), start=1)
    )
    return {k: adjusted_rand(cross_tabulate(first[k], second[k], k, k)) for k in counts}


def compare_pair(
    values: pd.DataFrame,
    family: Sequence[Specification],
    references: Mapping[Solution, Labels],
    counts: Sequence[int],
    seed: np.random.SeedSequence,
) -> PairResult:
    """Compare the solutions of two bootstrap samples in both modes, for several specifications.

    Args:
        values: One row per household, one float column per variable of the scores.
        family: Specifications with the same scores; each method is carried out once.
        references: The solution on all households by specification and number of segments.
        counts: Numbers of segments.
        seed: Source of the samples and of the random starts.
    """
    samples, scores = draw_pair(len(values), seed), family[0].scores
    fixed = learn_scores(values, scores).compute(values)
    refitted = [learn_scores(values.iloc[each], scores).compute(values) for each in samples]
    methods = list(dict.fromkeys(specification.method for specification in family))
    solved = {
        mode: [
            _solve_by_all(placed[half], counts, methods, child_of(seed, half + 1), samples[half])
            for half in (0, 1)
        ]
        for mode, placed in ((FIXED, [fixed, fixed]), (PIPELINE, refitted))
    }
    agreements, jaccards = {}, {}
    for specification in family:
        for k in counts:
            place = (specification.method, k)
            for mode, (first, second) in solved.items():
                table = cross_tabulate(first[place], second[place], k, k)
                agreements[specification.name, k, mode] = adjusted_rand(table)
            reference = references[specification.name, k]
            jaccards[specification.name, k] = np.array(
                [
                    best_jaccards(cross_tabulate(reference, again[place], k, k))
                    for again in solved[PIPELINE]
                ]
            )
    return PairResult(agreements, jaccards)


def _solve_by_all(
    scores: Scores,
    counts: Sequence[int],
    methods: Sequence[Method],
    seed: np.random.SeedSequence,
    sample: Labels,
) -> dict[tuple[Method, int], Labels]:
    """Like `solve`, for several methods: a mixture starts from k-means, which is found once."""
    begin: Mapping[int, Partition] | None = None
    solved: dict[tuple[Method, int], Labels] = {}
    for method in sorted(methods, key=lambda each: each.algorithm != "kmeans"):
        found = find_partitions(scores, counts, method, seed, sample, begin)
        begin = found if method.algorithm == "kmeans" else begin
        solved |= {(method, k): partition.assign(scores) for k, partition in found.items()}
    return solved


def measure_silhouettes(distances: Floats, labels: npt.NDArray[Any]) -> Floats:
    """Measure how much nearer each household is to its own segment than to the next one.

    The sums of distances are one matrix product, several times as fast as scikit-learn's loop over
    the households.

    Args:
        distances: Distance of every household to every household, 0 to itself.
        labels: The segment of each household.

    Returns:
        One silhouette per household, from -1 (nearer to another segment) to 1; 0 for a household
        that is alone in its segment; all missing when there is only one segment.

    References:
        Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of
        cluster analysis.
    """
    segments, numbers = np.unique(labels, return_inverse=True)
    if len(segments) == 1:
        return np.full(len(labels), np.nan)
    sizes = np.bincount(numbers)
    own = (np.arange(len(labels)), numbers)
    totals = distances @ np.eye(len(segments))[numbers]
    within = totals[own] / np.maximum(sizes[numbers] - 1, 1)
    means = totals / sizes
    means[own] = np.inf
    between = means.min(axis=1)
    larger = np.maximum(within, between)
    defined = (sizes[numbers] > 1) & (larger > 0)
    silhouettes: Floats = np.divide(
        between - within, larger, out=np.zeros(len(labels)), where=defined
    )
    return silhouettes


def measure_separation(distances: Floats, scores: Scores, labels: Labels) -> dict[str, float]:
    """Measure how compact and how far apart the segments are.

    Args:
        distances: Euclidean distance of every household to every household.
        scores: One row per household, one column per score, none missing.
        labels: One segment number per household.

    Returns:
        `silhouette` (mean over the households, -1 to 1, high is good), `calinski_harabasz` (0 or
        more, high is good) and `davies_bouldin` (0 or more, low is good). All missing when the
        households are all in one segment or each in its own.

    References:
        Rousseeuw (1987), Silhouettes. Caliński & Harabasz (1974), A dendrite method for cluster
        analysis. Davies & Bouldin (1979), A cluster separation measure.
    """
    if not 1 < len(np.unique(labels)) < len(labels):
        return dict.fromkeys(("silhouette", "calinski_harabasz", "davies_bouldin"), np.nan)
    return {
        "silhouette": float(measure_silhouettes(distances, labels).mean()),
        "calinski_harabasz": float(calinski_harabasz_score(scores, labels)),
        "davies_bouldin": float(davies_bouldin_score(scores, labels)),
    }


def measure_gap(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    seed: np.random.SeedSequence,
    references: int,
) -> pd.DataFrame:
    """Compare how compact the segments are with segments of data without structure.

    Args:
        scores: One row per household, one column per score, none missing.
        counts: Numbers of segments, fewer than there are different households.
        method: How the households are grouped.
        seed: Source of the reference data and of the random starts.
        references: Data sets without structure, at least 1; see `draw_from_box`.

    Returns:
        One row per number of segments: `k`; `gap`, how much smaller the log of the pooled
        within-segment sum of squares is than in the reference data on average; `gap_se`, its
        standard deviation there times sqrt(1 + 1 / references).

    References:
        Tibshirani, Walther & Hastie (2001), Estimating the number of clusters in a data set via
        the gap statistic.
    """
    observed = _measure_log_spreads(scores, counts, method, child_of(seed, 0))
    spreads = []
    for number in range(1, references + 1):
        own = child_of(seed, number)
        drawn = draw_from_box(scores, np.random.default_rng(own))
        spreads.append(_measure_log_spreads(drawn, counts, method, own))
    gap = np.mean(spreads, axis=0) - observed
    error = np.std(spreads, axis=0) * np.sqrt(1 + 1 / references)
    return pd.DataFrame({"k": counts, "gap": gap, "gap_se": error})


def draw_from_box(scores: Scores, generator: np.random.Generator) -> Scores:
    """Draw data without structure: uniform in the box along the principal axes of the scores.

    References:
        Tibshirani, Walther & Hastie (2001), section 4, choice (b) of the reference distribution.
    """
    mean = scores.mean(axis=0)
    axes = np.linalg.svd(scores - mean, full_matrices=False)[2]
    rotated = (scores - mean) @ axes.T
    drawn = generator.uniform(rotated.min(axis=0), rotated.max(axis=0), size=rotated.shape)
    return np.ascontiguousarray(drawn @ axes + mean)


def _measure_log_spreads(
    scores: Scores, counts: Sequence[int], method: Method, seed: np.random.SeedSequence
) -> Floats:
    solutions = solve(scores, counts, method, seed)
    spreads: Floats = np.log([_pool_squares(scores, solutions[k], k) for k in counts])
    return spreads


def _pool_squares(scores: Scores, labels: Labels, segments: int) -> float:
    members = np.eye(segments)[labels]
    sizes = np.maximum(members.sum(axis=0), 1)  # an empty segment adds nothing
    means = members.T @ scores / sizes[:, np.newaxis]
    return float(((scores - means[labels]) ** 2).sum())


def permute_columns(scores: Scores, generator: np.random.Generator) -> Scores:
    """Shuffle each score by itself over the households, so that no two scores are linked."""
    return generator.permuted(scores, axis=0)


def draw_copula(scores: Scores, generator: np.random.Generator) -> Scores:
    """Draw scores that are linked as a Gaussian copula links them: one cloud, no groups.

    Returns:
        The same values in each column, ties included, handed out by the ranks of normal draws
        whose rank correlations are those of the scores, up to chance. Many ties in a score bring
        its correlations a little nearer to 0, because normal draws have none.

    References:
        Iman & Conover (1982), A distribution-free approach to inducing rank correlation among
        input variables. Pearson (1907): r = 2 sin(pi / 6 rho) for normal variables. Higham (1988):
        without its negative eigenvalues a matrix is the nearest positive semi-definite one.
    """
    with np.errstate(invalid="ignore"):  # a constant score is linked to nothing
        spearman = np.nan_to_num(np.corrcoef(rankdata(scores, axis=0), rowvar=False))
    variables = scores.shape[1]
    correlations = 2 * np.sin(np.pi / 6 * spearman.reshape(variables, variables))
    values, vectors = np.linalg.eigh(correlations)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    ranks = (generator.standard_normal(scores.shape) @ root).argsort(axis=0).argsort(axis=0)
    return np.take_along_axis(np.sort(scores, axis=0), ranks, axis=0)


NULLS: Mapping[str, Draw] = MappingProxyType({PERMUTED: permute_columns, COPULA: draw_copula})


def simulate_nulls(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    draws: int,
    pairs: int,
    seed: np.random.SeedSequence,
    workers: int,
) -> pd.DataFrame:
    """Measure stability and separation on data sets without segments.

    Args:
        scores: One row per household, one column per score, none missing.
        counts: Numbers of segments; the time taken grows with each.
        method: How the households are grouped.
        draws: Data sets drawn from each null, at least 1.
        pairs: Pairs of bootstrap samples of each data set, at least 1.
        seed: Source of the data sets, the samples and the random starts.
        workers: Parallel workers; the result does not depend on it.

    Returns:
        One row per null x draw x number of segments, in this order: `k`, `null` (`permuted` or
        `copula`), `draw` (from 1), `ari` (median over the pairs of the adjusted Rand index, on
        fixed scores) and `silhouette` (mean over the households; missing when the data set's own
        solution has only one segment with members).

    References:
        Dolnicar & Leisch (2010), Evaluation of structure and reproducibility of cluster solutions
        using the bootstrap. Hennig & Lin (2015), Flexible parametric bootstrap for testing
        homogeneity against clustering and assessing the number of clusters.
    """
    tables = Parallel(n_jobs=workers, prefer="threads")(
        delayed(_simulate)(scores, counts, method, pairs, null, draw, seed)
        for null in NULLS
        for draw in range(1, draws + 1)
    )
    rows = [row for table in tables for row in table]
    return pd.DataFrame(rows, columns=["k", "null", "draw", "ari", "silhouette"])


def _simulate(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    pairs: int,
    null: str,
    draw: int,
    seed: np.random.SeedSequence,
) -> list[tuple[int, str, int, float, float]]:
    own = child_of(child_of(seed, list(NULLS).index(null)), draw)
    drawn = NULLS[null](scores, np.random.default_rng(own))
    agreements = [
        compare_fixed_pair(drawn, counts, method, child_of(own, pair))
        for pair in range(1, pairs + 1)
    ]
    solutions = solve(drawn, counts, method, child_of(own, 0))
    distances = cdist(drawn, drawn)
    rows = []
    for k in counts:
        ari = float(np.median([agreement[k] for agreement in agreements]))
        silhouette = float(measure_silhouettes(distances, solutions[k]).mean())
        rows.append((k, null, draw, ari, silhouette))
    return rows
