"""What the tests of the scorer share: small fitted classifiers and a bundle of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from customer_segmentation.classification.audit import Claim
from customer_segmentation.classification.models import TunedClassifier, tune_classifier
from customer_segmentation.panel.codebook import Codebook, Role
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.panel.features import derive_features
from customer_segmentation.parameters import Parameters
from customer_segmentation.scorer.bundle import ScoringBundle, build_bundle, extract_champion
from customer_segmentation.scorer.routes import Champion
from customer_segmentation.scorer.scoring import add_examples
from customer_segmentation.segments.segmenter import Segmenter, fit_segmenter

FIELDS = ["demographics", "average_price", "promotion_shares", "repeat_rate", "log_volume"]
ERROR_RATE = 0.1

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="session")
def complete(_households: pd.DataFrame, _features: pd.DataFrame, codebook: Codebook):
    """Every household of the panel with all that is known about it; not to be changed."""
    return _households.merge(_features, on=codebook.identifier)


@pytest.fixture(scope="session")
def segmenter(complete: pd.DataFrame, parameters: Parameters) -> Segmenter:
    """The segmenter of an ordinary run."""
    codebook, segmentation = parameters.codebook, parameters.segmentation
    specification = segmentation.specifications(codebook)["buying_style.plain.kmeans"]
    eligible = complete[~complete[codebook.column(Role.THIN_RECORD)]].reset_index(drop=True)
    minimum = parameters.data_processing.minimum_transactions
    return fit_segmenter(eligible, specification, 3, codebook, segmentation, minimum)


@pytest.fixture(scope="session")
def values(complete: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    """What the classifiers of these tests see of each household; not to be changed."""
    return derive_features(complete, codebook, codebook.expand(FIELDS))


@pytest.fixture(scope="session")
def awkward(values: pd.DataFrame) -> pd.DataFrame:
    """Households with missing values in every field, codes never seen and amounts out of range."""
    rng = np.random.default_rng(0)
    wild = values.mask(rng.random(values.shape) < 0.3)
    wild = wild.mask(rng.random(values.shape) < 0.1, 99.0)
    wild = wild.mask(rng.random(values.shape) < 0.02, -1e6)
    return pd.concat([values, wild, values.iloc[:1] * np.nan])


@pytest.fixture(scope="session")
def coded(_households: pd.DataFrame, codebook: Codebook) -> Floats:
    """Fields x households of the panel, codes as in the file; not to be changed."""
    return restore_codes(_households, codebook).to_numpy(dtype="float64").T


@pytest.fixture(scope="session")
def records(_households: pd.DataFrame, codebook: Codebook) -> list[dict[str, float]]:
    """The panel as a program would tell it, codes as in the file; not to be changed."""
    table = restore_codes(_households, codebook)
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


@pytest.fixture(scope="session")
def named(segmenter: Segmenter, complete: pd.DataFrame, codebook: Codebook) -> list[str]:
    """The segment of every household of the panel."""
    scores = segmenter.compute_scores(complete, codebook).to_numpy()
    names: list[str] = segmenter.predict(scores).tolist()
    return names


Fit = Callable[..., TunedClassifier]


@pytest.fixture(scope="session")
def fit(values: pd.DataFrame, named: list[str], parameters: Parameters) -> Fit:
    """Tune a small classifier of a kind for two or three segments, on some fields or all."""
    names = pd.Series(named)
    labels = {3: names, 2: names.where(names == names.max(), "The rest")}
    grids = parameters.modelling.models.model_dump()

    @cache
    def _fit(model: str, segments: int, *fields: str) -> TunedClassifier:
        trees = {"n_estimators": 12} if model != "lr" else {}
        settings = [type(each) for each in getattr(parameters.modelling.models, model)]
        grid = [
            setting.model_validate({**kept, **trees})
            for setting, kept in zip(settings, grids[model], strict=True)
        ]
        seen = values[list(fields or values.columns)]
        return tune_classifier(
            model, seen, labels[segments], grid[-1:], 2, parameters.codebook, seed=0
        )

    return _fit


@pytest.fixture(scope="session")
def bundle(
    fit: Fit,
    segmenter: Segmenter,
    codebook: Codebook,
    coded: Floats,
    named: list[str],
) -> ScoringBundle:
    """A bundle with a champion of each kind, for three segments, and an example of each."""
    bare = build_bundle(codebook, segmenter, extract_champions(fit, 3))
    return add_examples(bare, coded, named)


def extract_champions(fit: Fit, segments: int) -> list[Champion]:
    """A champion of each kind."""
    return [
        extract_champion(f"{model} {segments}", Claim.OVERLAP, fit(model, segments), ERROR_RATE)
        for model in ("lr", "xgboost", "rf")
    ]


def ask_every_route(bundle: ScoringBundle, households: pd.DataFrame) -> dict[str, Floats]:
    """What each route says of households of which everything is known, by its information set."""
    values = bundle.reader.read_table(households, "the panel").values
    return {route.information_set: route.score(values) for route in bundle.routes}
