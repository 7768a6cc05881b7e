"""From households to named segments, their evidence and their description."""

from customer_segmentation.pipelines.segmentation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
