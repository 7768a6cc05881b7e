"""From a file of households to their segments, by the scoring bundle."""

from customer_segmentation.pipelines.scoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
