"""The wiring of scoring."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node

from customer_segmentation.pipelines.scoring.nodes import score_households_file


def create_pipeline(**kwargs: Any) -> Pipeline:  # noqa: ARG001
    """Score the households of a file.

    ```
    households_to_score, scoring_bundle ──> household_scores
    ```

    Args:
        **kwargs: Not used; Kedro may pass some.

    Returns:
        The pipeline, its node in the namespace and under the tag `scoring`.
    """
    return Pipeline(
        [
            node(
                score_households_file,
                inputs={
                    "households_to_score": "households_to_score",
                    "scoring_bundle": "scoring_bundle",
                    "scoring": "params:scoring",
                },
                outputs="household_scores",
                name="score_households_file",
            )
        ],
        namespace="scoring",
        prefix_datasets_with_namespace=False,
        tags=["scoring"],
    )
