"""The wiring of scoring."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from customer_segmentation.pipelines.scoring.nodes import score_households_file


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Score the households of a file.

    ```
    households_to_score, scoring_bundle ──> household_scores
    ```
    """
    return Pipeline(
        [
            Node(
                score_households_file,
                inputs={
                    "households_to_score": "households_to_score",
                    "scoring_bundle": "scoring_bundle",
                    "scoring": "params:scoring",
                },
                outputs="household_scores",
                name=score_households_file.__name__,
            )
        ],
        namespace="scoring",
        prefix_datasets_with_namespace=False,
        tags=["scoring"],
    )
