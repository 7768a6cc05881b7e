"""From the panel file to typed households, their derived variables and a report on the data."""

from customer_segmentation.pipelines.data_processing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
