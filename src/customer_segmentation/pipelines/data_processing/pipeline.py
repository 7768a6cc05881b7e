"""The wiring of data_processing."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from customer_segmentation.figures.exploration import explore_households
from customer_segmentation.panel.contract import validate_households
from customer_segmentation.panel.features import derive_household_features
from customer_segmentation.panel.quality import check_data_quality

HOUSEHOLDS = {"households": "households", "codebook": "params:codebook"}


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Validate the panel file, derive the features of its households and check its quality.

    ```
    raw_households ──> households ──> household_features
          │                 ├─────────────────│──────────> households_exploration
          └─────────────────┴─────────────────┴──────────> data_quality
    ```
    """
    return Pipeline(
        [
            Node(
                validate_households,
                inputs={"raw": "raw_households", "codebook": "params:codebook"},
                outputs="households",
                name=validate_households.__name__,
            ),
            Node(
                derive_household_features,
                inputs={**HOUSEHOLDS, "data_processing": "params:data_processing"},
                outputs="household_features",
                name=derive_household_features.__name__,
            ),
            Node(
                check_data_quality,
                inputs={
                    "raw": "raw_households",
                    "features": "household_features",
                    **HOUSEHOLDS,
                    "data_processing": "params:data_processing",
                },
                outputs="data_quality",
                name=check_data_quality.__name__,
            ),
            Node(
                explore_households,
                inputs=HOUSEHOLDS,
                outputs="households_exploration",
                name=explore_households.__name__,
            ),
        ],
        namespace="data_processing",
        prefix_datasets_with_namespace=False,
        tags=["data_processing"],
    )
