"""What stability and separation look like where there are no segments.

Two nulls keep each score's distribution exactly, skewness and zeros included. *Permuted* columns
have no link at all; a Gaussian *copula* keeps the rank correlations, so it is one elongated cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from customer_segmentation.segments.bootstrap import compare_fixed_pair, solve
from customer_segmentation.segments.partition import Floats, Method, Scores
from customer_segmentation.segments.positions import measure_silhouettes
from customer_segmentation.segments.seeds import child_of

PERMUTED, COPULA = "permuted", "copula"

Draw = Callable[[Scores, np.random.Generator], Scores]


def permute_columns(scores: Scores, generator: np.random.Generator) -> Scores:
    """Shuffle each score by itself over the households, so that no two scores are linked.

    Args:
        scores: One row per household, one column per score.
        generator: Where chance comes from.

    Returns:
        The same values in each column, in another order.
    """
    return generator.permuted(scores, axis=0)


def draw_copula(scores: Scores, generator: np.random.Generator) -> Scores:
    """Draw scores that are linked as a Gaussian copula links them: one cloud, no groups.

    Args:
        scores: One row per household, one column per score, none missing.
        generator: Where chance comes from.

    Returns:
        The same values in each column, ties included, handed out by the ranks of normal draws
        whose rank correlations are those of the scores, up to chance. Many ties in a score bring
        its correlations a little nearer to 0, because normal draws have none.

    References:
        Iman & Conover (1982), A distribution-free approach to inducing rank correlation among
        input variables. Pearson (1907): r = 2 sin(pi / 6 rho) for normal variables. Higham (1988):
        without its negative eigenvalues a matrix is the nearest positive semi-definite one.
    """
    normal = generator.standard_normal(scores.shape) @ _root(_find_normal_correlations(scores))
    ranks = normal.argsort(axis=0).argsort(axis=0)
    return np.take_along_axis(np.sort(scores, axis=0), ranks, axis=0)


def _find_normal_correlations(scores: Scores) -> Floats:
    with np.errstate(invalid="ignore"):  # a constant score is linked to nothing
        spearman = np.nan_to_num(np.corrcoef(rankdata(scores, axis=0), rowvar=False))
    variables = scores.shape[1]
    correlations: Floats = 2 * np.sin(np.pi / 6 * spearman.reshape(variables, variables))
    return correlations


def _root(symmetric: Floats) -> Floats:
    values, vectors = np.linalg.eigh(symmetric)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


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
    data_sets = [(null, draw) for null in NULLS for draw in range(1, draws + 1)]
    tables = Parallel(n_jobs=workers, prefer="threads")(
        delayed(_simulate)(scores, counts, method, pairs, null, _find_seed(seed, null, draw))
        for null, draw in data_sets
    )
    rows = [
        (k, null, draw, ari, silhouette)
        for (null, draw), table in zip(data_sets, tables, strict=True)
        for k, ari, silhouette in table
    ]
    return pd.DataFrame(rows, columns=["k", "null", "draw", "ari", "silhouette"])


def _find_seed(seed: np.random.SeedSequence, null: str, draw: int) -> np.random.SeedSequence:
    return child_of(child_of(seed, list(NULLS).index(null)), draw)


def _simulate(
    scores: Scores,
    counts: Sequence[int],
    method: Method,
    pairs: int,
    null: str,
    seed: np.random.SeedSequence,
) -> list[tuple[int, float, float]]:
    drawn = NULLS[null](scores, np.random.default_rng(seed))
    agreements = [
        compare_fixed_pair(drawn, counts, method, child_of(seed, pair))
        for pair in range(1, pairs + 1)
    ]
    solutions = solve(drawn, counts, method, child_of(seed, 0))
    distances = cdist(drawn, drawn)
    return [
        (
            k,
            float(np.median([agreement[k] for agreement in agreements])),
            float(measure_silhouettes(distances, solutions[k]).mean()),
        )
        for k in counts
    ]
